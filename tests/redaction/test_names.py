"""What a name says about its value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sevenfold.redaction.places import STEMS
from sevenfold.redaction.rules.names import (
    ENDINGS,
    LOCATOR,
    NONE,
    NOUNS,
    SECRET_NOUNS,
    SESSION,
    STRONG,
    WEAK,
    kind_of,
    words_of,
)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("user_api_key", ["user", "api", "key"]),
        ("MLFlowAPIKey2", ["ml", "flow", "api", "key", "2"]),
        ("X-Api-Key", ["x", "api", "key"]),
        ("PGPASSWORD", ["pgpassword"]),
        ("db.clientSecret", ["db", "client", "secret"]),
        ("CONTRASEÑA", ["contraseña"]),
        ("--", []),
        ("x" * 100, ["x" * 64]),
    ],
)
def test_a_name_is_split_into_its_words(name: str, words: list[str]) -> None:
    assert words_of(name) == words


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (STRONG, "password userPassword PGPASSWORD password_hash db_pass dbpass apiSecret api_key API_KEYS accountkey"),
        (
            STRONG,
            "githubtoken refresh_token mfa_code card_pin pin seed_phrase id_rsa connect.sid mot_de_passe 密码",
        ),
        (WEAK, "token nextest_token oracle_pusher_key auth basic_auth signature sas_signature bearer session nonce"),
        (SESSION, "session_id SESSIONID sid"),
        (LOCATOR, "dsn sentry_dsn connection_string conn_str webhook_url"),
        (
            NONE,
            "n_tokens tokens max_tokens token_type eos_token next_token key keys cache_key primary_key monkey",
        ),
        (NONE, "password_length n_password_resets has_password api_key_id secret_arn secretary cookie_age_days author"),
        (NONE, "time_per_token pass pass_rate status_code zip_code pin_attempts session_timeout page_token design"),
    ],
)
def test_the_last_noun_decides_with_the_word_before_it(kind: object, names: str) -> None:
    assert {name: kind_of(name) for name in names.split()} == dict.fromkeys(names.split(), kind)


def test_each_telling_noun_has_a_stem_that_texts_are_searched_for() -> None:
    nouns = {*SECRET_NOUNS, *("".join(end) for end in ENDINGS if end != ("mot", "de", "passe"))}
    nouns |= {noun for noun, said in NOUNS.items() if said.alone is not NONE or said.other is not NONE}
    pairs = [(f"{before}_{noun}", kind) for noun, said in NOUNS.items() for before, kind in said.before.items()]
    nouns |= {pair for pair, kind in pairs if kind is not NONE}
    assert [noun for noun in nouns if not any(stem in noun or stem.replace("_", "") in noun for stem in STEMS)] == []


@given(st.text(max_size=80))
def test_any_name_says_something_and_nothing_else_in_another_style(name: str) -> None:
    assert kind_of(name) is kind_of(name)
    if name.isascii() and name.islower() and name.isidentifier() and len(name) < 60:
        assert kind_of(name.upper()) is kind_of(name)
        assert kind_of(name.replace("_", "-")) is kind_of(name)
