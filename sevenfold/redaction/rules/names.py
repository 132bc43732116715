"""What a name says about its value: its last noun decides, with the word before it.

``user_api_key`` ends in the noun "key" with "api" before it, so its value is a secret; ``cache_key`` ends in the same
noun and is none; ``api_key_id`` ends in "id" and describes one. The tables below are the whole policy: to
teach it a name, add a word to one of them.

It has more than 300 lines since most of them are these tables.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple


class Kind(Enum):
    """What a name makes of its value."""

    NONE = "nothing: the value is judged by its own looks"
    WEAK = "a secret if the value looks drawn at random"
    SESSION = "a secret if the value looks drawn at random, but for a UUID, which is an identity"
    LOCATOR = "a URL or connection string, of which the secret part goes"
    STRONG = "a secret, unless the value says a state: missing, ***"
    PERSONAL = "no secret: written as a pseudonym"


NONE, WEAK, SESSION, LOCATOR, STRONG, PERSONAL = Kind


class About(NamedTuple):
    """All that a name says.

    Attributes
    ----------
    kind : Kind
        What it makes of a text.
    hides_numbers : bool
        Whether a whole number may be a secret, too.
    is_identity : bool
        Whether it says who, what or where: secrets that the record holds elsewhere aren't looked for in its value.
    as_it_came : bool
        Whether its text is written as it came, but for the shapes of tokens.
    """

    kind: Kind
    hides_numbers: bool
    is_identity: bool
    as_it_came: bool


MAX_NAME: Final = 64  # characters of a name that count: its end
# "MLFlowAPIKey2" -> MLFlow, API, Key, 2. Possessive, so that a long run of one kind is read once.
_WORD: Final = re.compile(r"[A-Z]++(?![^\W\d_A-Z])|[A-Z]*?[A-Z](?=[A-Z][^\W\d_A-Z])|[A-Z]?(?:(?![A-Z])[^\W\d_])++|\d++")


def word_set(text: str) -> frozenset[str]:
    """Return the words of a text: a table that is easy to add to."""
    return frozenset(text.split())


def _kinds(strong: str, harmless: str = "") -> Mapping[str, Kind]:
    return dict.fromkeys(harmless.split(), NONE) | dict.fromkeys(strong.split(), STRONG)


#: Words that change nothing behind a noun: ``password_hash``, ``api_key_prod``, ``token2``.
BEHIND: Final = word_set(
    "value val text plain plaintext raw hash hashed encrypted enc string str b64 base64 json env new old current"
    " previous confirm confirmation confirmed repeat again prod production dev test staging live sandbox hex bytes"
    " default primary secondary backup pem der"
)
#: Words in front that make a count or a question of a name: ``n_passwords``, ``has_secret``.
COUNTING: Final = word_set(
    "n num number count total has is use uses requires needs max min avg mean share rate ratio weak failed per length"
)

#: Nouns that are secrets behind any word, as one word or as the end of one.
SECRET_NOUNS: Final = word_set(
    "password passwd passphrase passcode pwd pw pswd secret credential cred authorization cookie jwt otp totp hotp cvv"
    " cvc cvv2 cvc2 csrf xsrf psk passkey phpsessid jsessionid sessid aspxauth apikey accesskey secretkey"
    " privatekey passwort kennwort wachtwoord senha contraseña contrasena motdepasse parola haslo hasło lösenord"
    " losenord adgangskode passord salasana heslo пароль 密码 密碼 パスワード 비밀번호"
)
_SECRET_ENDS: Final = ("password", "passwd", "passphrase", "passwort", "secret")
#: Nouns under which a list names secrets rather than holding them: ``secrets: [db-password, api-key]``.
NAMED_IN_LISTS: Final = word_set("secret")

#: Companies and programs whose keys and tokens are secrets; not those whose names are words, such as "segment".
SERVICES: Final = (
    "openai anthropic cohere mistral groq gemini deepseek perplexity huggingface hf hub langsmith langchain langfuse"
    " pinecone weaviate qdrant voyage jina tavily serpapi elevenlabs assemblyai deepgram wandb mlflow clearml kaggle"
    " databricks snowflake sagemaker runpod aws amazon azure gcp google firebase alibaba aliyun tencent ibm oracle"
    " digitalocean linode heroku vercel netlify cloudflare fastly flyio scaleway hetzner supabase planetscale github"
    " gitlab gh gl bitbucket jira atlassian confluence npm pypi rubygems nuget docker dockerhub artifactory jfrog"
    " sonar sonarqube codecov circleci travis buildkite jenkins slack discord telegram twilio sendgrid mailgun"
    " mailchimp postmark sendinblue brevo resend intercom zendesk hubspot salesforce stripe paypal plaid adyen"
    " braintree shopify razorpay paystack coinbase binance datadog dd newrelic sentry grafana honeycomb splunk"
    " pagerduty opsgenie rollbar bugsnag dynatrace logzio loggly okta auth0 vault doppler infisical consul nomad"
    " terraform pulumi airtable asana figma dropbox facebook twitter linkedin instagram twitch spotify youtube mapbox"
    " algolia elasticsearch launchdarkly amplitude mixpanel posthog contentful typeform ably rapidapi maxmind yandex"
    " openweather openweathermap alphavantage finnhub infura etherscan ngrok tailscale cloudinary"
)


@dataclass(frozen=True, slots=True)
class Noun:
    """What a last noun says.

    Attributes
    ----------
    alone : Kind
        With no word before it.
    other : Kind
        With a word before it that isn't in `before`.
    plural : Kind
        As a plural, with such a word or none.
    before : mapping of str to Kind
        By the word before it.
    """

    alone: Kind
    other: Kind
    plural: Kind
    before: Mapping[str, Kind]


#: Nouns whose meaning hangs on the word before them.
NOUNS: Final[Mapping[str, Noun]] = {
    "pass": Noun(
        NONE,
        NONE,
        NONE,
        _kinds(
            "db database user usr admin root smtp ftp sftp ssh ldap mysql pg postgres postgresql redis mail email"
            " imap pop3 http https proxy login my auth sudo become wifi basic rabbitmq amqp mqtt mongo mongodb oracle"
            " sql mssql master vault account app api bind keystore truststore cert certificate key service svc server"
            " client host remote web site nas samba smb vnc rdp vpn router wp zip pdf kafka elastic docker registry"
            " git jenkins encryption default"
        ),
    ),
    "key": Noun(
        NONE,
        WEAK,
        NONE,
        _kinds(
            "api access private priv secret signing sign encryption encrypt decryption decrypt crypto cryptographic"
            " cipher master ssh hmac account storage subscription shared preshared symmetric aes des rsa dsa ec"
            " ecdsa ed25519 pgp gpg tls ssl fernet jwt license licence auth authentication session webhook deploy"
            " deployment client server admin root wrapping wrap unseal recovery functions consumer service"
            " app application write ingest ingestion instrumentation integration security sas jwk wallet"
            " bearer activation serial tacacs radius"
            f" {SERVICES}",
            "primary foreign sort partition shard cache routing join idempotency object row group dict public pub"
            " index lookup map range unique composite natural surrogate business cluster order feature column col"
            " sample record entity item metric label state config param parameter option message topic event span"
            " trace translation locale registry file prefix suffix first last next prev previous home end hot short"
            " id field attribute attr tag data time date customer product_id merge dedup flag random prng rng jax"
            " model output input response request result question answer target source query value default metadata"
            " content parent child sampling hashing table run step stage job batch node edge graph settings setting"
            " env variable var name section scope dataset split arrow control shift tab enter escape",
        ),
    ),
    "token": Noun(
        WEAK,
        WEAK,
        NONE,
        _kinds(
            "access refresh id auth oauth oauth2 bearer api session security csrf xsrf sas personal pat bot admin"
            " user service client server app application device push fcm apns registration invite invitation reset"
            " verification verify confirm activation login magic remember deploy deployment job ci cd runner"
            " tracking identity federated sts web webhook jwt upload download share shared signed secret write read"
            " master root private anonymous impersonation consumer antiforgery middleware requestverification kube"
            f" kubernetes k8s cluster registry publish npmrc {SERVICES}",
            "eos bos pad unk mask sep cls next first last previous prev predicted stop start end begin beginning"
            " prefix suffix middle image video audio special top target gold additional word sub subword char byte"
            " bpe per of page continuation sync max min new forced bad boi eoi boa eoa newline space blank control"
            " fim speech vision think thinking code lang language cursor pagination input output prompt completion"
            " draft current by every each timestamp punctuation",
        ),
    ),
    "code": Noun(
        NONE,
        NONE,
        NONE,
        _kinds(
            "mfa otp totp 2fa auth authorization authentication verification verify recovery backup security reset"
            " device pin twofactor factor confirmation login access sms activation pairing unlock"
        ),
    ),
    "pin": Noun(STRONG, NONE, NONE, _kinds("card user sim account device atm login security debit credit")),
    "phrase": Noun(NONE, NONE, NONE, _kinds("pass seed recovery mnemonic backup secret wallet key")),
    "id": Noun(NONE, NONE, NONE, {"session": SESSION, "sess": SESSION}),
    "auth": Noun(WEAK, WEAK, NONE, {}),
    "oauth": Noun(WEAK, WEAK, NONE, {}),
    "signature": Noun(WEAK, WEAK, NONE, _kinds("amz goog")),
    "sig": Noun(WEAK, WEAK, NONE, {}),
    "hmac": Noun(WEAK, WEAK, NONE, {}),
    "bearer": Noun(WEAK, WEAK, NONE, {}),
    "session": Noun(WEAK, WEAK, NONE, {}),
    "nonce": Noun(WEAK, WEAK, NONE, {}),
    "salt": Noun(WEAK, WEAK, NONE, {}),
    "sid": Noun(SESSION, SESSION, NONE, _kinds("connect")),
    "sessionid": Noun(SESSION, SESSION, NONE, {}),
    "dsn": Noun(LOCATOR, LOCATOR, NONE, {}),
}
#: Ends of several words, looked at before words such as "string" are dropped.
ENDINGS: Final[Mapping[tuple[str, ...], Kind]] = {
    ("connection", "string"): LOCATOR,
    ("conn", "string"): LOCATOR,
    ("conn", "str"): LOCATOR,
    ("connectionstring",): LOCATOR,
    ("connection", "uri"): LOCATOR,
    ("connection", "url"): LOCATOR,
    ("webhook", "url"): LOCATOR,
    ("id", "rsa"): STRONG,
    ("id", "dsa"): STRONG,
    ("id", "ecdsa"): STRONG,
    ("id", "ed"): STRONG,  # id_ed25519, without its number
    ("mot", "de", "passe"): STRONG,
    ("pass", "word"): STRONG,
    ("wallet", "mnemonic"): STRONG,
    ("signing", "cert"): WEAK,
}

#: The fields that say who, what and where: no client's input may keep an operator from finding them. A secret that the
#: record holds elsewhere is never looked for in these.
IDENTITY: Final = word_set(
    "event event_id actor actor_id user username user_name user_id userid login account account_id customer_id"
    " client_id client_address client_ip remote_addr remote_address peer ip ip_address host hostname method path"
    " route endpoint status status_code request_id x_request_id correlation_id trace_id span_id parent_id run_id"
    " job_id task_id batch_id experiment_id prediction_id session_id model model_name model_version level logger"
    " channel function module service exception_type"
)
#: Fields that an operator reads as a whole: written as they came, but for the shapes of tokens.
AS_THEY_CAME: Final = word_set(
    "event event_id actor actor_id user username user_name user_id userid account_id customer_id client_id"
    " client_address client_ip remote_addr remote_address ip ip_address method status status_code request_id"
    " x_request_id correlation_id trace_id span_id parent_id run_id job_id task_id batch_id experiment_id"
    " prediction_id model_version exception_type"
)
#: Keys that describe a secret, inside an object that stands under a secret's name.
DESCRIPTIVE: Final = word_set(
    "type name kind format required min max minlength maxlength length pattern description title in source provider"
    " algorithm alg kid kty region expires expiry created updated issued path scope scopes version host user username"
    " domain issuer count n id uri url endpoint status state email rotated"
)


def words_of(name: str) -> list[str]:
    """Split a name into its words, in lower case: snake, kebab, dots, camelCase and acronyms."""
    name = name[-MAX_NAME:]
    return [word.lower() for word in _WORD.findall(name.lower() if name.isupper() else name)]


def normal(name: str) -> str:
    """Write a name in snake_case, so that names in any style can be compared."""
    return "_".join(words_of(name))


def kind_of(name: str) -> Kind:
    """Return what a name says about its value.

    Parameters
    ----------
    name : str
        A field's key, a variable, a header, a flag; of a long one the last 64 characters count.

    Examples
    --------
    >>> kind_of("userPassword").name, kind_of("token").name, kind_of("time_per_token").name
    ('STRONG', 'WEAK', 'NONE')
    """
    words = words_of(name)
    if not words or words[0] in COUNTING:
        return NONE
    while True:
        for length in (3, 2, 1):
            kind = ENDINGS.get(tuple(words[-length:]))
            if kind is not None:
                return kind
        if len(words) == 1 or not (words[-1] in BEHIND or words[-1].isdigit()):
            return _kind_of_noun(words[-2] if len(words) > 1 else "", words[-1])
        words.pop()


def _kind_of_noun(before: str, last: str) -> Kind:
    one = singular(last)
    if last in SECRET_NOUNS or one in SECRET_NOUNS or one.endswith(_SECRET_ENDS):
        return STRONG
    noun = NOUNS.get(last) or NOUNS.get(one)
    if noun is None:
        return _kind_of_joined(one)
    unsaid = noun.plural if last not in NOUNS else noun.other if before else noun.alone
    return noun.before.get(before, unsaid)


def _kind_of_joined(word: str) -> Kind:
    """Return what two words written as one say: ``accountkey``, ``githubtoken``, ``dbpass``."""
    for end, noun in NOUNS.items():
        if word.endswith(end):
            return noun.before.get(word.removesuffix(end), NONE)
    return NONE


def singular(word: str) -> str:
    """Return a noun without the "s" of its plural."""
    return word[:-1] if len(word) > 3 and word[-1] == "s" and word[-2] != "s" else word  # noqa: PLR2004
