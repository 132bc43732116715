"""Secrets made at run time, the names and places that they stand in, and harmless values: our own corpus.

The formats are taken from their issuers and public rule sets, independently of the rules that are tried on them. In a
format, ``{A36}`` is 36 letters and digits, ``{a}`` lower case, ``{H}`` hexadecimal, ``{D}`` digits, ``{U}``
capitals and digits, ``{B}`` Base64, ``{W}`` letters, digits, hyphens and underscores.
"""

import json
import random
import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, make_dataclass
from typing import Any
from urllib.parse import quote


def _words(text: str) -> list[str]:
    return text.split()


_ALPHABETS = {
    "A": string.ascii_letters + string.digits,
    "a": string.ascii_lowercase + string.digits,
    "H": "0123456789abcdef",
    "D": string.digits,
    "U": string.ascii_uppercase + string.digits,
    "B": string.ascii_letters + string.digits + "+/",
    "W": string.ascii_letters + string.digits + "-_",
}
FORMATS = {
    "AWS access key": "AKIA{U16}",
    "AWS session key": "ASIA{U16}",
    "AWS Bedrock": "ABSK{B120}",
    "GitHub personal": "ghp_{A36}",
    "GitHub app": "ghs_{A36}",
    "GitHub refresh": "ghr_{A76}",
    "GitHub fine-grained": "github_pat_{A22}_{A59}",
    "GitLab": "glpat-{W20}",
    "GitLab routable": "glpat-{W27}.01.{a9}",
    "GitLab runner": "glrt-{W20}",
    "GitLab job": "glcbt-{H2}_{W20}",
    "Hugging Face": "hf_{A34}",
    "OpenAI": "sk-{A20}T3BlbkFJ{A20}",
    "OpenAI project": "sk-proj-{W74}T3BlbkFJ{W74}",
    "Anthropic": "sk-ant-api03-{W93}AA",
    "OpenRouter": "sk-or-v1-{H64}",
    "DeepSeek": "sk-{H32}",
    "Langfuse": "sk-lf-{H8}-{H4}-{H4}-{H4}-{H12}",
    "Groq": "gsk_{A52}",
    "xAI": "xai-{A80}",
    "Perplexity": "pplx-{A48}",
    "Replicate": "r8_{A37}",
    "NVIDIA": "nvapi-{W64}",
    "LangSmith": "lsv2_pt_{H32}_{H10}",
    "Pinecone": "pcsk_{A6}_{A63}",
    "Tavily": "tvly-{A32}",
    "Fireworks": "fw_{A24}",
    "Cerebras": "csk-{a48}",
    "Jina": "jina_{A60}",
    "Voyage": "pa-{W43}",
    "ElevenLabs": "sk_{H48}",
    "Databricks": "dapi{H32}",
    "Docker": "dckr_pat_{W27}",
    "npm": "npm_{A36}",
    "PyPI": "pypi-AgEIcHlwaS5vcmc{W140}",
    "RubyGems": "rubygems_{H48}",
    "Google API": "AIza{W35}",
    "Google OAuth": "ya29.{W120}",
    "Google client": "GOCSPX-{W28}",
    "Google refresh": "1//0{W60}",
    "Slack bot": "xoxb-{D12}-{D12}-{A24}",
    "Slack user": "xoxp-{D12}-{D12}-{D12}-{H32}",
    "Slack app": "xapp-1-{U11}-{D13}-{H64}",
    "Stripe": "sk_live_{A24}",
    "Stripe restricted": "rk_live_{A99}",
    "Stripe webhook": "whsec_{A32}",
    "Square": "sq0atp-{W22}",
    "Shopify": "shpat_{H32}",
    "SendGrid": "SG.{W22}.{W43}",
    "Brevo": "xkeysib-{H64}-{A16}",
    "Mailgun": "key-{H32}",
    "Mailchimp": "{H32}-us12",
    "Resend": "re_{A8}_{A24}",
    "Twilio": "SK{H32}",
    "Telegram": "{D10}:AA{W33}",
    "Discord bot": "M{W25}.{W6}.{W38}",
    "Facebook": "EAAC{A120}",
    "DigitalOcean": "dop_v1_{H64}",
    "Heroku": "HRKU-AA{W58}",
    "Fly.io": "fm2_{B100}",
    "Netlify": "nfp_{A36}",
    "Supabase": "sbp_{H40}",
    "PlanetScale": "pscale_pw_{W43}",
    "Pulumi": "pul-{H40}",
    "Terraform": "{A14}.atlasv1.{W67}",
    "Vault": "hvs.{W90}",
    "Doppler": "dp.pt.{A43}",
    "1Password": "A3-{U6}-{U11}-{U5}-{U5}-{U5}",
    "age": "AGE-SECRET-KEY-1{U58}",
    "Grafana": "glsa_{A32}_{H8}",
    "Grafana Cloud": "glc_{A60}",
    "New Relic": "NRAK-{U27}",
    "Sentry": "sntryu_{H64}",
    "Honeycomb": "hcaik_{a58}",
    "PostHog": "phx_{A43}",
    "Dynatrace": "dt0c01.{U24}.{U64}",
    "CircleCI": "CCIPAT_{A22}_{H40}",
    "Buildkite": "bkua_{H40}",
    "SonarQube": "squ_{H40}",
    "Sourcegraph": "sgp_{H16}_{H40}",
    "Artifactory": "AKCp{A69}",
    "Postman": "PMAK-{H24}-{H34}",
    "Prefect": "pnu_{A36}",
    "Airtable": "pat{A14}.{H64}",
    "Notion": "ntn_{D11}{A35}",
    "Linear": "lin_api_{A40}",
    "Figma": "figd_{W40}",
    "Atlassian": "ATATT3xFfGF0{W180}",
    "HubSpot": "pat-na1-{H8}-{H4}-{H4}-{H4}-{H12}",
    "Contentful": "CFPAT-{W43}",
    "Typeform": "tfp_{W59}",
    "Tailscale": "tskey-auth-{A12}CNTRL-{A32}",
    "Alibaba": "LTAI{A20}",
    "MaxMind": "{A6}_{A29}_mmk",
    "Azure AD": "{A3}8Q~{W34}",
    "JSON Web Token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIi{W40}.{W43}",
    "bcrypt": "$2b$12${A53}",
    "Argon2": "$argon2id$v=19$m=65536,t=3,p=4${A22}${A43}",
    "SHA crypt": "$6${A12}${A86}",
}
#: Names of secrets, as libraries, clouds and people spell them.
NAMES = _words(
    "password passwd PASSWORD db_password userPassword passphrase passcode pwd DB_PWD db_pass mysql_pwd PGPASSWORD"
    " SMTP_PASSWORD redis-password keystorePassword admin_password2 old_password password_hash secret client_secret"
    " clientSecret appSecret JWT_SECRET webhook-secret SECRET_KEY api_key apiKey apikey X-Api-Key OPENAI_API_KEY"
    " wandb_api_key kaggle_key private_key signing_key encryptionKey master_key ssh_key hmac_key storage_account_key"
    " AccountKey license_key service_account_key access_token accessToken REFRESH_TOKEN id_token bearer_token"
    " auth_token csrf_token session_token github_token HF_TOKEN slack_bot_token vault_token x-vault-token deploy_token"
    " registration_token authorization Proxy-Authorization cookie Set-Cookie credentials jwt mfa_code otp"
    " recovery_codes verification_code seed_phrase psk contraseña senha passwort mot_de_passe wachtwoord пароль 密码"
)
#: Texts in which a name and its value stand; a value that is drawn at random is hidden in all of them.
TEXTS: dict[str, Callable[[str, str], str]] = {
    "assignment": lambda name, value: f"loaded {name}={value} from file",
    "quoted": lambda name, value: f"Config(host='db', {name.replace('-', '_')}='{value}', port=5432)",
    "colon": lambda name, value: f"{name}: {value}\nserver: nginx",
    "header": lambda name, value: f"GET / HTTP/1.1\r\nHost: h\r\n{name}: {value}\r\nAccept: */*",
    "JSON": lambda name, value: json.dumps({"user": "bob", name: value, "port": 5432}),
    "JSON in JSON": lambda name, value: json.dumps({"body": json.dumps({name: value, "n": 1})}),
    "JSON in JSON in JSON": lambda name, value: json.dumps({"a": json.dumps({"b": json.dumps({name: value})})}),
    "dict": lambda name, value: f"config { ({'host': 'db', name: value, 'port': 5432})!r}",
    "environment": lambda name, value: f"environ({ ({'HOME': '/root', name.upper(): value})!r})",
    "query": lambda name, value: f"https://h.example/p?user=bob&{quote(name)}={quote(value, safe='')}&page=2",
    "command line": lambda name, value: f"ran tool --user bob --{name} {value} --fast",
    "command line with =": lambda name, value: f"ran tool --{name}={value} --fast",
    "list of a command": lambda name, value: f"Command {['tool', '--' + name, value]!r} returned 1",
    "pairs": lambda name, value: f"headers {[('host', 'h.example'), (name, value)]!r}",
    "pairs of bytes": lambda name, value: f"headers {[(b'host', b'h'), (name.encode(), value.encode())]!r}",
    "name and value": lambda name, value: f'env: {{"name": "{name}", "value": "{value}"}}',
    "XML": lambda name, value: f"<conf><{name}>{value}</{name}></conf>",
    "XML attributes": lambda name, value: f'<add key="{name}" value="{value}"/>',
    "HTML-escaped JSON": lambda name, value: f"{{&quot;{name}&quot;:&quot;{value}&quot;}}",
    "YAML": lambda name, value: f"db:\n  {name}: '{value}'\n",
    "INI": lambda name, value: f"[db]\n{name} = {value}\n",
    "Go": lambda name, value: f'{name} := "{value}"',
    "export": lambda name, value: f"export {name.upper()}='{value}'; ./run",
    "line of a .env file": lambda name, value: f"A=1\\n{name.upper()}={value}\\nB=2",
}
#: Names that only count, describe or point to secrets, or have nothing to do with them.
HARMLESS_NAMES = _words(
    "n_tokens max_tokens tokens_per_s time_to_first_token loss_per_token token_ids token_type_ids eos_token pad_token"
    " next_token next_page_token tokenizer n_password_resets password_length password_field has_password secret_arn"
    " secret_name secretary secret_version cookie_age_days cookie_domain n_cookies credential_age auth_provider"
    " authorization_status author authority key keys primary_key cache_key sort_key partition_key row_key key_ratio"
    " monkey keyboard public_key key_type pass pass_rate passenger_class compass bypass signature_on_file session_count"
    " session_minutes session_timeout pin_attempts cvv_result zip_code status_code country_code currency_code code"
    " n_signatures api_key_id jwt_algorithm salt_length nonce_size sidebar design basic bearer_count connection_timeout"
    " passport_country key_pressed hotkey turkey_price pinned opinion spinning tokenised assess session_id_count"
)
#: Values of such names that must stay.
HARMLESS_VALUES: tuple[Any, ...] = (3, 0.25, True, None, "income", "v2", "eu-west-1", [1, 2], [0.5], {"a": 1})
#: Texts without a secret.
HARMLESS_TEXTS = (
    "basic model-2 beats bearer model-17",
    "the password was wrong, and the token is expired",
    "password: required, secret: missing, token: <your token>",
    "password=*** token=${TOKEN} api_key=os.environ['API_KEY'] secret={{ secret }}",
    "def login(user: str, password: str, token: bytes | None = None) -> bool:",
    "self.password = password; token = tokens[i]; cookie = request.cookies.get(COOKIE_NAME)",
    "KeyError: 'api_key'; ValidationError: field 'password' is required",
    "primary key (id)=(4711) exists; sort key=lambda row: row.age; cache key: model:v2",
    "authorization: approved by issuer, authorization status: declined",
    "eos_token='</s>' pad_token: <pad> next token: predictions",
    "usage: prompt_tokens=12 completion_tokens=30 tokens_per_s=14.2",
    "https://h.example:8443/users/@bob/x?session=12&code=200 and git@github.com:acme/x.git",
    "postgresql://svc@db:5432/x redis://cache:6379/0 s3://bucket/key=income/part-0001",
    "commit 8233bf7f2fb84f4156f47f8e03c8793918574e4f, image sha256:8b342ee758af8d62014ea5dd9d602448e500ba01d8773e62",
    "request bcd49f79-5e85-4e2c-8568-7f9b3b21b52b, trace=3a0bbc3aaa94502ea730b6d8a8028b2c span=80bd0980b117e3a2",
    "chatcmpl-YycLiGroGcj6fGEvPqyX2IFnrwaee msg_01YrIn3bfL7dSjG5m5jKVXOm toolu_01yAha2Hyuez1yFy4HRAYF41",
    "cus_9PZ2OHrUmAshas paid in_1x9zklKhxo7o9AFLwOOLUVZ3; file-AxMVaNvcs74OTC2VvYkOa7 arXiv:2372.26912v2",
    "{'name': 'password', 'type': 'string', 'required': True}, {'key': 'income', 'value': 'high'}",
    '{"type": "apiKey", "name": "X-Api-Key", "in": "header"}',
    "['--token-limit', '4096'] --max-tokens 4096 --password-file /etc/x --key-column customer_id",
    "select password_hash, token from users group by token having count(*) > 3",
    "OPENAI_API_KEY is not set; the api_key option must be set; HTTP 401: invalid x-api-key",
    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db models:/credit@champion",
    "2026-11-25T08:36:11.096123Z 10.66.0.77 passed 12 tests, pass: 12, pin 4 of 8, salt: 3 g",
    "docker run -u 1000:1000 -p 80:80 image; sort -k 2; ssh -i key.pem; ratio 3://4",
)


@dataclass(frozen=True)
class Case:
    """A secret in its place, and what must stay around it."""

    what: str
    fields: dict[str, Any] = field(default_factory=dict)
    message: str = "event"
    secret: str = ""


def made(form: str, rng: random.Random) -> str:
    """Make a string of a format, such as ``ghp_{A36}``."""
    return re.sub(r"\{([AaHDUBW])(\d+)\}", lambda one: "".join(rng.choices(_ALPHABETS[one[1]], k=int(one[2]))), form)


def passwords(rng: random.Random) -> Iterator[str]:
    """Make passwords as people, tools and keys have them."""
    syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
    word = "".join(rng.sample(syllables, 3))
    yield word.title() + made("{D2}", rng) + rng.choice("!#$%*+?^~") + rng.choice(syllables)
    yield f"{word.title()}-{made('{D2}', rng)}-{''.join(rng.sample(syllables, 2))}"
    yield made("{A12}", rng) + "7aQ"
    yield made("{A40}", rng)


def leaks(text: str, secret: str) -> bool:
    """Whether eight characters of a secret in a row stand in a text, or all of a shorter one."""
    n = min(len(secret), 8)
    flat = text.replace("\\", "")
    return any(secret[i : i + n] in text or secret[i : i + n] in flat for i in range(len(secret) - n + 1))


def nested(name: str, value: str) -> Iterator[Case]:
    """Put a named secret into fields of all kinds."""
    yield Case("field", {name: value, "region": "eu"}, secret=value)
    yield Case("nested", {"settings": {"db": [{name: value, "port": 5432}]}}, secret=value)
    yield Case("bytes", {name: value.encode()}, secret=value)
    yield Case("object", {"config": make_dataclass("Config", ["host", "value"])("db", {name: value})}, secret=value)
    yield Case("command line", {"argv": ["tool", "--user", "bob", f"--{name}", value, "--fast"]}, secret=value)
    yield Case("pairs", {"headers": [("host", "h.example"), (name, value)]}, secret=value)
    yield Case(
        "name and value", {"env": [{"name": name, "value": value}, {"name": "LANG", "value": "C"}]}, secret=value
    )
