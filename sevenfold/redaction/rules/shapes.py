r"""The shapes of services' keys and tokens: a known prefix, and a body of known letters and length.

Each `Shape` names its issuer, its prefixes, the regular expression of what follows them, and where the shape is
published: G gitleaks' rules (https://github.com/gitleaks/gitleaks), D detect-secrets' plugins
(https://github.com/Yelp/detect-secrets), T trufflehog's detectors (https://github.com/trufflesecurity/trufflehog), V
the issuer's own documentation. To add one, extend `SHAPES`; before a prefix may stand anything but a letter or digit,
so an escape (``\n``, ``%3D``) may, too. The reason is the same for all: the token alone opens what it is for.

All prefixes are one regular expression, a tree of their letters, which leaves most positions after one look. A body
that needs something behind it has a bounded length, so that each shape takes time linear in the text.

It has more than 300 lines since it is one table.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

_A = "[A-Za-z0-9]"
_W = "[A-Za-z0-9_-]"
_H = "[0-9a-fA-F]"
_B = "[A-Za-z0-9+/]"
_UUID = f"{_A}{{8}}(?:-{_A}{{4}}){{3}}-{_A}{{12}}"
_NOT_A_WORD = "(?=[a-z]{0,80}[0-9A-Z])"  # else it may be a name: sk_test_predictions
_HAS_DIGIT = "(?=[A-Za-z]{0,80}[0-9])"
_MIXED = "(?=[A-Za-z_-]{0,50}[0-9])(?=[a-z0-9_-]{0,50}[A-Z])(?=[A-Z0-9_-]{0,50}[a-z])"


# The start of a token that has no prefix: no letter or digit before it, but perhaps the end of an escape.
_START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2})|(?<=\[[0-9]m)|(?<=\[[0-9]{2}m))"


@dataclass(frozen=True, slots=True)
class Shape:
    """What one issuer's tokens look like.

    Attributes
    ----------
    issuer : str
        The service that makes them.
    prefixes : str
        What it begins with; several are separated by spaces.
    body : str
        A regular expression of what follows.
    source : str
        Where the shape is published; see the module.
    not_after : str
        Characters, besides letters and digits, that don't stand before one.
    """

    issuer: str
    prefixes: str
    body: str
    source: str
    not_after: str = ""


SHAPES: Final = (
    # Clouds and hosting
    Shape("AWS access key", "AKIA ASIA ABIA ACCA", r"[A-Z0-9]{16}(?![A-Z0-9])", "G D T V"),
    Shape("AWS access key, old", "A3T", r"[A-Z0-9]{17}(?![A-Z0-9])", "G D"),
    Shape("AWS Bedrock", "ABSK", f"{_B}{{40,}}={{0,2}}", "G V"),
    Shape("AWS Bedrock, short-lived", "bedrock-api-key-", f"{_B}{{20,}}={{0,2}}", "G"),
    Shape("Alibaba Cloud", "LTAI", f"{_A}{{12,24}}(?!{_A})", "G T"),
    Shape("Cloudflare", "v1.0-", f"{_H}{{24}}-{_W}{{140,}}", "G T"),
    Shape("Cloudflare", "cfut_ cfat_ cfk_", f"{_A}{{40,}}", "T"),
    Shape("DigitalOcean", "dop_v1_ doo_v1_ dor_v1_", f"{_H}{{64}}", "G T V"),
    Shape("Fly.io", "fo1_ fm", r"(?:\d{1,20}[ar]?_)?[A-Za-z0-9_+/=,-]{40,}", "G T"),
    Shape("Google API key", "AIza", f"{_W}{{35}}", "G T V"),
    Shape("Google OAuth", "ya29.", f"{_W}{{20,}}", "T V"),
    Shape("Google OAuth client", "GOCSPX-", f"{_W}{{20,}}", "T V"),
    Shape("Google OAuth refresh", "1//0", f"{_W}{{30,}}", "V"),
    Shape("Heroku", "HRKU- hrku-", f"{_W}{{30,}}", "G T V"),
    Shape("Linode, Akamai", "akab-", f"{_W}{{20,}}", "V"),
    Shape("Netlify", "nfp_", f"{_A}{{36,}}", "T V"),
    Shape("Neon", "napi_", f"{_A}{{40,}}", "V"),
    Shape("OpenShift", "sha256~", f"{_W}{{43}}", "G"),
    Shape("PlanetScale", "pscale_pw_ pscale_tkn_ pscale_oauth_", r"[\w=.-]{32,}", "G T"),
    Shape("Pulumi", "pul-", f"{_HAS_DIGIT}{_A}{{40}}", "G T"),
    Shape("Render", "rnd_", f"{_MIXED}{_A}{{28,}}", "V"),
    Shape("Scalingo", "tk-us- tk-eu-", f"{_W}{{48}}", "G"),
    Shape("Supabase", "sbp_ sbp_v0_", f"{_A}{{40}}", "T V"),
    Shape("Supabase", "sb_secret_", f"{_A}{{20,}}\\w*", "V"),
    Shape("Tailscale", "tskey-", r"[a-z]{2,20}-\w{2,40}-\w{5,}", "T V"),
    Shape("Vercel", "vcp_ vci_ vca_ vcr_ vck_", f"{_NOT_A_WORD}{_A}{{24,}}", "V"),
    Shape("Yandex", "t1.", f"{_W}{{20,200}}={{0,2}}\\.{_W}{{86}}", "G"),
    Shape("Yandex", "AQVN", f"{_W}{{35,38}}", "G"),
    Shape("Yandex", "YC", f"{_MIXED}{_W}{{38}}(?!{_W})", "G"),
    # Code, packages, builds
    Shape("Artifactory", "AKC", f"{_HAS_DIGIT}{_A}{{10,80}}(?!{_A})", "G D T", not_after="-_/+"),
    Shape("Artifactory reference", "cmVmd", f"{_A}{{55,}}", "G T"),
    Shape("Buildkite", "bkua_ bkaj_ bkpt_ bkct_", f"{_A}{{40}}", "T V"),
    Shape("CircleCI", "CCIPAT_ CCIPRJ_", f"{_A}{{22}}_{_H}{{40}}", "T V"),
    Shape("Clojars", "CLOJARS_", f"{_A}{{60}}", "G T"),
    Shape("crates.io", "cio", f"{_HAS_DIGIT}{_A}{{32}}(?!{_A})", "V"),
    Shape("Deno", "ddp_ ddw_", f"{_A}{{36}}", "T V"),
    Shape("Docker", "dckr_pat_ dckr_oat_", f"{_W}{{20,}}", "T V"),
    Shape("GitHub", "ghp_ gho_ ghu_ ghs_ ghr_", r"\w{20,}", "G D T V"),
    Shape("GitHub", "github_pat_", f"{_MIXED}\\w{{20,}}", "G T V"),
    Shape(
        "GitLab",
        "glpat- gldt- glrt- glcbt- glptt- glft- glsoat- glagent- glimt- gloas- glffct- glrtr-",
        r"[\w.=-]{20,}",
        "G D T V",
    ),
    Shape("GitLab runner", "GR1348941", f"{_W}{{20,}}", "G D V"),
    Shape("Harness", "pat. sat.", rf"{_W}{{22}}\.{_A}{{24}}\.{_A}{{20}}", "G T"),
    Shape("Infracost", "ico-", f"{_A}{{32}}", "G"),
    Shape("JFrog", "jfd_ jfk_", f"{_A}{{30,}}", "V"),
    Shape("npm", "npm_", f"{_NOT_A_WORD}{_A}{{30,}}", "G D T V"),
    Shape("NuGet", "oy2", "[a-z0-9]{43}(?![a-z0-9])", "D V"),
    Shape("Octopus Deploy", "API-", "(?=[A-Z]{0,25}[0-9])[A-Z0-9]{26}(?![A-Z0-9])", "G T"),
    Shape("PyPI", "pypi-AgE", f"{_W}{{40,}}", "G D T V"),
    Shape("Postman", "PMAK-", f"{_W}{{59}}", "G T"),
    Shape("Prefect", "pnu_ pnb_", f"{_A}{{36}}", "G T"),
    Shape("RubyGems", "rubygems_", f"{_A}{{48}}", "G T V"),
    Shape("Snyk", "snyk_uat snyk_sat", r"\.?[\w.-]{20,}", "V"),
    Shape("SonarQube", "squ_ sqp_ sqa_", f"{_A}{{40}}", "G V"),
    Shape("Sourcegraph", "sgp_ sgd_ slk_", f"(?:{_H}{{16}}_|local_)?{_H}{{40,64}}", "G T V"),
    Shape("Trufflehog", "thog-key- thog-secret-", f"{_H}{{16,32}}", "T"),
    # Models and data for them
    Shape(
        "Anthropic, OpenAI, OpenRouter",
        "sk-ant- sk-proj- sk-svcacct- sk-admin- sk-service- sk-or-",
        f"{_W}{{20,}}",
        "G T V",
    ),
    Shape("Langfuse, Helicone, LiteLLM", "sk-lf- sk-helicone- sk-None-", f"{_W}{{20,}}", "T V"),
    Shape(
        "OpenAI, DeepSeek, Moonshot, Stability",
        "sk-",
        f"{_NOT_A_WORD}(?=[A-Z]{{0,80}}[0-9a-z]){_A}{{20,}}(?![A-Za-z0-9_-])",
        "G D T V",
    ),
    Shape("OpenAI", "sk-", f"{_W}{{6,100}}T3BlbkFJ{_W}{{10,}}", "G T V"),
    Shape("OpenAI", "sess-", f"{_A}{{40}}", "V"),
    Shape("ElevenLabs", "sk_", f"{_H}{{48}}", "T V"),
    Shape("Airtable", "pat", rf"{_A}{{14}}\.{_H}{{64}}", "G T V"),
    Shape("Apify", "apify_api_", f"{_W}{{36}}", "T V"),
    Shape("Cerebras", "csk-", f"{_A}{{32,}}", "V"),
    Shape("ClickHouse Cloud", "4b1d", f"{_A}{{38}}(?!{_A})", "G"),
    Shape("Databricks", "dapi dose dkea", f"{_H}{{32}}(?:-\\d)?", "G T V"),
    Shape("dbt", "dbtc_ dbtu_ dbts_", f"{_W}{{30,}}", "V"),
    Shape("E2B, Context7", "e2b_ ctx7sk", f"{_W}{{20,}}", "V"),
    Shape("Firecrawl", "fc-", f"{_H}{{32}}(?!{_A})", "V", not_after="-_"),
    Shape("Fireworks", "fw_", f"{_HAS_DIGIT}{_A}{{20,}}(?!_)", "V"),
    Shape("Groq", "gsk_", f"{_A}{{20,}}", "T V"),
    Shape("Hugging Face", "hf_ api_org_", f"{_A}{{30,}}", "G T V"),
    Shape("Jina", "jina_", f"{_W}{{40,}}", "V"),
    Shape("LangSmith", "lsv2_pt_ lsv2_sk_ ls__", f"{_NOT_A_WORD}[A-Za-z0-9_]{{30,}}", "T V"),
    Shape("LlamaCloud", "llx-", f"{_A}{{40,}}", "V"),
    Shape("Modal", "ak- as-", f"{_MIXED}{_A}{{22}}(?!{_W})", "V", not_after="-_"),
    Shape("NVIDIA", "nvapi-", f"{_W}{{40,}}", "T V"),
    Shape("Perplexity", "pplx-", f"{_A}{{32,}}", "G V"),
    Shape("Pinecone", "pcsk_", "[A-Za-z0-9_]{30,}", "T V"),
    Shape("Replicate", "r8_", f"{_A}{{30,}}", "T V"),
    Shape("RunPod", "rpa_", f"{_A}{{40,}}", "V"),
    Shape("SettleMint", "sm_aat_ sm_pat_ sm_sat_", f"{_A}{{16}}", "G"),
    Shape("Tavily", "tvly-", f"{_NOT_A_WORD}[A-Za-z0-9-]{{20,}}", "V"),
    Shape("Together", "tgp_v1_", f"{_W}{{30,}}", "V"),
    Shape("Voyage", "pa-", f"{_MIXED}{_W}{{43}}(?!{_W})", "V", not_after="-_"),
    Shape("Weights & Biases", "wandb_v1_", f"{_W}{{20,}}", "V"),
    Shape("xAI", "xai-", "[A-Za-z0-9_]{40,}", "T V"),
    # Secrets, keys, identities
    Shape("1Password", "ops_eyJ", f"{_B}{{100,}}={{0,3}}", "G V"),
    Shape("1Password secret key", "A3-", "[A-Z0-9]{6}-[A-Z0-9]{6}-?[A-Z0-9]{5}(?:-[A-Z0-9]{5}){3}", "G V"),
    Shape("Adobe", "p8e-", f"{_A}{{32}}", "G"),
    Shape("age", "AGE-SECRET-KEY-1", "[A-Z0-9]{58}", "G V"),
    Shape(
        "Authress",
        "sc_ ext_ scauth_ authress_",
        rf"{_A}{{5,30}}\.{_A}{{4,6}}\.acc[_-][a-zA-Z0-9-]{{10,32}}\.[\w+/=-]{{30,}}",
        "G",
    ),
    Shape("bcrypt", "$2a$ $2b$ $2x$ $2y$", r"\d\d\$[A-Za-z0-9./]{53}", "V"),
    Shape("Argon2, crypt, scrypt", "$argon2id$ $argon2i$ $argon2d$ $scrypt$ $y$ $gy$ $7$", r"[\w=,./$+-]{30,}", "V"),
    Shape("SHA crypt", "$5$ $6$", r"(?:rounds=\d{1,9}\$)?[A-Za-z0-9./]{1,16}\$[A-Za-z0-9./]{43,86}", "V"),
    Shape("Django password", "pbkdf2_sha256$ pbkdf2_sha1$ bcrypt_sha256$ argon2$ scrypt$", r"[\w=,./$+-]{30,}", "V"),
    Shape("LDAP password", "{SSHA} {SSHA256} {SSHA512} {SMD5}", f"{_B}{{24,}}={{0,2}}", "V"),
    Shape("Defined Networking", "dnkey-", r"[\w=-]{60,}", "G"),
    Shape(
        "Doppler", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", r"(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,}", "G T V"
    ),
    Shape("Endor Labs", "endr+", f"{_W}{{16}}", "T"),
    Shape("HashiCorp Vault", "hvs. hvb. hvr.", f"{_W}{{24,}}", "G T V"),
    Shape("HashiCorp Vault, old", "s.", f"{_HAS_DIGIT}{_A}{{24}}(?![\\w.(-])", "G V", not_after="-_"),
    Shape("Infisical", "st.", rf"{_H}{{24}}\.{_H}{{32}}\.{_H}{{32}}", "V"),
    Shape("Intra 42", "s-s4t2ud- s-s4t2af- u-s4t2ud- u-s4t2af-", f"{_H}{{64}}", "G T"),
    Shape(
        "JSON Web Token, RFC 7519",
        "eyJ ewogIC ewoid ewo",
        rf"{_W}{{5,2048}}+={{0,2}}\.{_W}{{4,}}+={{0,2}}(?:\.{_W}*+){{0,3}}={{0,2}}",
        "G D T",
        not_after="-_",
    ),
    Shape(
        "JSON Web Token, RFC 7519",
        "ey",
        rf"{_W}{{15,2048}}+={{0,2}}\.ey[\w/\\-]{{15,}}(?:\.[\w/\\-]*)?={{0,2}}",
        "G T",
        not_after="-_",
    ),
    Shape("JSON Web Token, cut", "eyJhbGci eyJ0eXAi eyJraWQi eyJlbmMi", r"[\w.-]{40,}", "T"),
    Shape(
        "JSON Web Token in Base64",
        "ZXlKa ZXlKb ZXlKc ZXlKd ZXlKe ZXlKr ZXlK0 ZXlK6 ZXlKh",
        "[A-Za-z0-9_+/-]{60,}={0,2}",
        "G",
    ),
    Shape("Base64 JSON of Neptune, Grafana", "eyJhcGlf eyJrIjoi", f"{_A}{{50,}}={{0,3}}", "G T"),
    Shape("Okta", "00", f"{_MIXED}{_W}{{40}}(?!{_W})", "G T", not_after="-_/+"),
    Shape(
        "PASETO",
        "v1.local. v2.local. v3.local. v4.local. v1.public. v2.public. v3.public. v4.public.",
        rf"{_W}{{40,}}(?:\.{_W}+)?",
        "V",
    ),
    Shape("Salesforce", "3MVG9", r"[\w.+/=]{80,}", "T"),
    Shape("Salesforce", "00D", rf"{_A}{{12}}![\w.]{{80,}}", "T V"),
    # Messages and mail
    Shape("Brevo", "xkeysib- xsmtpsib-", f"{_W}{{40,}}", "G T V"),
    Shape("Mailgun", "key- pubkey-", f"{_H}{{32}}(?!{_A})", "G T", not_after="-_"),
    Shape("Mailgun", "key-", "(?=[a-z]{0,31}[0-9])[a-z0-9]{32}(?![A-Za-z0-9_-])", "T", not_after="-_"),
    Shape("Resend", "re_", f"{_A}{{8}}_{_A}{{20,32}}", "V"),
    Shape("SendGrid", "SG.", r"[\w=-]{16,32}\.[\w=-]{16,64}", "G D T V"),
    Shape("SendGrid", "SG.", r"[\w=.-]{66}", "G"),
    Shape(
        "Slack",
        "xoxb- xoxp- xoxa- xoxr- xoxs- xoxo- xoxe- xoxc- xoxd- xoxe.xoxb- xoxe.xoxp-",
        "[A-Za-z0-9_%/+=-]{10,}",
        "G D T V",
    ),
    Shape("Slack app", "xapp- xwfp-", f"{_W}{{20,}}", "G V"),
    Shape("Twilio", "SK AC", f"{_H}{{32}}(?!{_A})", "G D T V"),
    Shape("Voiceflow", "VF.", rf"(?:DM\.|WS\.)?{_H}{{24}}\.{_A}{{16}}", "T"),
    # Money and shops
    Shape("Duffel", "duffel_live_ duffel_test_", r"[\w=-]{43}", "G T"),
    Shape("EasyPost", "EZAK EZTK", f"{_A}{{54}}", "G"),
    Shape("Facebook", "EAA", f"{_A}{{80,}}", "G V", not_after="/+"),
    Shape("Flutterwave", "FLWSECK_TEST- FLWPUBK_TEST- FLWSECK- FLWPUBK-", "[0-9a-zA-Z]{12,32}(?:-X)?", "G T"),
    Shape("GoCardless", "live_", f"{_MIXED}[\\w=-]{{40}}(?![\\w=-])", "G T", not_after="-_"),
    Shape("Lob", "live_ test_ live_pub_ test_pub_", f"{_H}{{31,35}}(?!{_A})", "G T", not_after="-_"),
    Shape("PayPal", "A21AA", f"{_W}{{60,}}", "T V"),
    Shape("Braintree", "access_token$production$ access_token$sandbox$", rf"{_A}{{16}}\${_H}{{32}}", "V"),
    Shape("Plaid", "access-sandbox- access-development- access-production-", _UUID, "G T"),
    Shape("Ramp, Rootly", "ramp_sec_ ramp_id_ rootly_", f"{_A}{{40,}}", "T"),
    Shape("Razorpay", "rzp_live_ rzp_test_", f"{_NOT_A_WORD}{_A}{{14}}", "T V"),
    Shape("Shippo", "shippo_live_ shippo_test_", f"{_H}{{40}}", "G T"),
    Shape("Shopify", "shpat_ shpca_ shppa_ shpss_ shptka_", f"{_H}{{32}}", "G T V"),
    Shape("Square", "sq0", f"[a-z]{{3}}-{_W}{{22,}}", "G D T V"),
    Shape("Square", "EAAA", f"{_W}{{22,70}}", "G T"),
    Shape(
        "Stripe, Clerk, WorkOS",
        "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_",
        f"{_NOT_A_WORD}[A-Za-z0-9-]{{10,}}\\w*",
        "G D T V",
    ),
    Shape("Stripe webhook", "whsec_", f"{_NOT_A_WORD}{_B}{{20,}}={{0,2}}", "V"),
    Shape("Stripe payment intent", "pi_ seti_", f"{_A}{{16,30}}_secret_{_A}{{16,}}", "T V"),
    Shape("WooCommerce", "ck_ cs_", f"{_H}{{40}}(?!{_A})", "V"),
    Shape("Zoho", "1000.", rf"{_H}{{32}}\.{_H}{{32}}", "T V"),
    # What is seen, planned and drawn
    Shape("Adafruit", "aio_", f"{_A}{{28}}(?!{_A})", "T V"),
    Shape("Asana", "0/ 1/ 2/", rf"\d{{12,18}}(?:/\d{{12,18}})?:{_A}{{32}}(?!{_A})", "T V"),
    Shape("Atlassian", "ATATT ATCTT ATBB ATOA", f"{_HAS_DIGIT}[\\w+/=-]{{10,}}", "G T V"),
    Shape("Bitbucket", "BBDC-", r"[\w+/@-]{40,}", "T V"),
    Shape("ClickUp", "pk_", r"\d{5,12}_[A-Z0-9]{20,}", "V"),
    Shape("Klaviyo", "pk_", f"(?:{_A}{{6}}_)?{_H}{{34}}(?!{_A})", "T V"),
    Shape("Contentful", "CFPAT-", f"{_W}{{43}}", "T V"),
    Shape("Dropbox", "sl.", r"(?:u\.)?[\w=-]{100,}", "G T V"),
    Shape("Dynatrace", "dt0c01. dt0s01. dt0s02. dt0s16.", rf"{_A}{{24}}\.{_A}{{64}}", "G T V"),
    Shape("Figma", "figd_ figo_ figp_ figu_", r"[\w=-]{30,}", "T V"),
    Shape("Frame.io", "fio-u-", r"[\w=-]{64}", "G T"),
    Shape("Grafana", "glc_", "[A-Za-z0-9+/=]{32,}", "G T V"),
    Shape("Grafana", "glsa_", r"\w{41}", "G T V"),
    Shape("Honeycomb", "hcaik_ hcbik_ hcamk_ hcxik_ hcxlk_", f"{_A}{{20,}}", "V"),
    Shape("HubSpot", "pat-na1- pat-na2- pat-eu1- pat-ap1-", _UUID, "T V"),
    Shape("LaunchDarkly", "sdk- mob-", _UUID, "T V"),
    Shape("Linear", "lin_api_ lin_oauth_", f"{_A}{{32,}}", "G T V"),
    Shape("Mapbox", "pk. sk. tk.", rf"(?:eyJ{_A}{{20,90}}|{_A}{{60}})\.{_W}{{22}}", "G T V", not_after="-_"),
    Shape("Mapbox", "sk.", f"{_HAS_DIGIT}[A-Za-z0-9.-]{{80,}}", "T", not_after="-_"),
    Shape("New Relic", "NRAK- NRII- NRJS- NRRA- NRIQ- NRBR-", f"{_W}{{19,}}", "G T V"),
    Shape("Notion", "ntn_ secret_", f"{_A}{{40,}}", "G T V"),
    Shape("PostHog", "phx_ phs_", f"{_A}{{30,}}", "T V"),
    Shape("PubNub", "sec-c- sub-c- pub-c-", f"{_W}{{32,}}", "T V"),
    Shape("ReadMe", "rdme_", f"{_A}{{70}}", "G T"),
    Shape("Sentry", "sntrys_", r"[A-Za-z0-9+/=_]{40,}", "G T V"),
    Shape("Sentry", "sntryu_ sntrya_ sntryi_", f"{_H}{{64}}", "G T V"),
    Shape("Shortcut, Fleetbase", "shltm_ flb_live_ ak_live_", f"{_NOT_A_WORD}{_W}{{20,}}", "T"),
    Shape("SaladCloud", "salad_cloud_", f"{_MIXED}\\w{{8,}}", "T"),
    Shape("Blackbaud, Sqreen, Webscraping", "bb_pr_ bb_ma_ sqco_ web_", f"{_HAS_DIGIT}{_A}{{30,}}", "T"),
    Shape("Rawhttp, Nightfall", "rh-api- NF-", f"{_HAS_DIGIT}[A-Za-z0-9-]{{32,36}}(?!{_W})", "T"),
    Shape("Scrapfly", "API_KEY", "(?=[A-Z]{0,31}[0-9])[A-Z0-9]{32}(?![A-Z0-9])", "T"),
    Shape("Elastic, Portkey", "sk_", f"[a-z]{{1,16}}_{_MIXED}{_A}{{40}}", "T"),
    Shape("Prodigy", "sk_ sk_test_", f"(?:1|2|3|5|10)x[123]_{_H}{{64}}", "T"),
    Shape("DocuSign, Klaviyo", "na1. 5AEP861", "[A-Za-z0-9+/._=]{80,}", "T"),
    Shape("Statsig, Stytch", "secret-", f"{_HAS_DIGIT}{_A}{{40,}}", "V"),
    Shape("Pydantic Logfire", "pylf_v1_ pylf_v2_", r"[A-Za-z0-9_]{20,}", "V"),
    Shape("Typeform", "tfp_", r"[\w.=-]{40,}", "G T"),
    Shape("Ubidots", "BBFF- BBUS-", f"{_A}{{30}}", "T"),
    Shape("Cal.com, Customer.io, PostHog", "cal_live_ cal_test_ phc_", f"{_NOT_A_WORD}{_A}{{20,}}", "V"),
)
"""Their order doesn't matter, since the longest prefix is tried first."""

#: Shapes without a prefix: issuer, a sign and a literal without which a text has none, pattern, source.
INNER_SHAPES: Final = (
    ("Azure AD", ("~", "Q~"), rf"{_START}[A-Za-z0-9_~.]{{3}}\dQ~[A-Za-z0-9_~.-]{{31,34}}", "G T"),
    ("Azure, with a checksum", ("JQQJ9", "JQQJ9"), rf"{_START}{_A}{{52}}JQQJ9{_A}{{20,40}}", "V"),
    ("DeepL", (":", ":fx"), rf"{_START}{_UUID}:fx\b", "V"),
    (
        "Discord bot",
        (".", "."),
        rf"[MNO](?:(?<!{_W}[MNO])|(?<=\\[nrt][MNO])|(?<=%[0-9A-F]{{2}}[MNO])|(?<=\[[0-9]{{2}}m[MNO])){_W}{{23,27}}\.{_W}{{6}}\.{_W}{{27,38}}(?!{_W})",
        "D V",
    ),
    ("Facebook app", ("|", "|"), rf"(?<!\d)\d{{15,16}}\|{_W}{{27,40}}(?!{_W})", "G"),
    ("Facebook app, in a URL", ("%", "%"), rf"(?<!\d)\d{{15,16}}%(?:7C)?{_W}{{27,40}}(?!{_W})", "G"),
    ("HashiCorp Terraform", (".", ".atlasv1."), rf"{_START}{_A}{{14}}\.atlasv1\.[\w=-]{{60,}}", "G T V"),
    ("Mailchimp", ("-", "-us"), rf"{_START}{_H}{{32}}-us\d{{1,2}}\b", "G D V"),
    ("Azure container registry", ("+", "+ACR"), rf"(?<![A-Za-z0-9+/]){_B}{{42}}\+ACR{_A}{{6}}", "T"),
    ("MaxMind", ("_", "_mmk"), rf"{_START}{_A}{{6}}_{_A}{{29}}_mmk\b", "G T V"),
    ("New Relic", ("-", "-NRMA"), rf"{_START}{_A}{{40,42}}-NRMA\b", "T V"),
    ("New Relic", ("FFFFNRAL", "FFFFNRAL"), rf"{_START}{_A}{{32}}FFFFNRAL\b", "T V"),
    ("Telegram", (":", ":A"), rf"{_START}\d{{5,16}}:A{_W}{{32,36}}(?!{_W})", "G D T V"),
)

#: Secrets in the path of a URL: the part before the secret, which reaches to the end of the path.
PATH_SECRETS: Final = (
    ("Slack", r"hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/", "G D T V"),
    ("Discord", r"discord(?:app)?\.com/api/(?:v\d{1,2}/)?webhooks/\d{5,25}/", "T V"),
    ("Microsoft Teams", r"\.webhook\.office\.com/webhookb2/", "G T V"),
    ("Telegram", r"api\.telegram\.org/(?:file/)?bot", "D V"),
    ("Zapier", r"hooks\.zapier\.com/hooks/catch/", "T V"),
    ("IFTTT", r"maker\.ifttt\.com/trigger/[\w-]{1,64}/(?:json/)?with/key/", "V"),
    ("Make", r"hook\.(?:[a-z0-9]{2,4}\.)?make\.com/", "V"),
    ("Tines", r"\.tines\.com/webhook/", "T V"),
    ("Mattermost, Rocket.Chat", r"/hooks/(?=[a-z0-9]{20,30}(?![\w-]))", "V"),
    ("Healthchecks", r"hc-ping\.com/", "V"),
    ("PagerDuty", r"events\.pagerduty\.com/integration/", "V"),
)

# What stands before a prefix: no letter or digit, but perhaps the rest of an escape (\n, \u003d, %3D, a colour).
_BEFORE: Final = "[^A-Za-z0-9]"
_BEFORE_OR_ESCAPE: Final = (
    r"[^A-Za-z0-9](?:(?<=%)[0-9A-Fa-f]{2}|(?<=\\)(?:[abfnrtv]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4})|(?<=\[)[0-9;]{1,8}m|)"
)


def compiled(shapes: Iterable[Shape], *, behind_escapes: bool = False) -> re.Pattern[str]:
    """Return one regular expression for shapes; a text needs a space before it. Group 1 is the token."""
    before = _BEFORE_OR_ESCAPE if behind_escapes else _BEFORE
    return re.compile(f"{before}({_pattern(_tree(shapes))})", re.ASCII)


def _tree(shapes: Iterable[Shape]) -> dict[str, Any]:
    """Sort shapes by the letters of their prefixes; at the end of one, the key "" holds the bodies."""
    root: dict[str, Any] = {}
    for shape in shapes:
        for prefix in shape.prefixes.split():
            node = root
            for letter in prefix:
                node = node.setdefault(letter, {})
            behind = f"(?<![{re.escape(shape.not_after)}]{re.escape(prefix)})" if shape.not_after else ""
            node.setdefault("", []).append(behind + shape.body)
    return root


def _pattern(node: dict[str, Any]) -> str:
    branches = [re.escape(letter) + _pattern(inner) for letter, inner in node.items() if letter]
    branches += node.get("", [])
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"
