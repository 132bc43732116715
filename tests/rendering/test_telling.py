"""Under telling names, both ways write columns and fields alike, and the quick way is taken where it may be."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sevenfold.lines.record import render
from sevenfold.redaction.redactor import SECRETS, Redactor
from sevenfold.rendering.renderer import Renderer
from tests.support.batches import goes_the_quick_way, one_by_one, with_, written

OWN = Renderer(
    Redactor((*SECRETS, "iban"), keep=["session_token"], pseudonymize=["email", "customer_id"], key=bytes(32))
)
SECRET = "Zebra77kite"  # noqa: S105 - made up
NUMBERS_ONLY = ("token", "api_key", "dsn", "session_id", "signature")  # have a say in texts alone
NAMES = (
    *NUMBERS_ONLY,
    *("password", "otp", "iban", "email", "customer_id", "session_token", "authorization"),
    *("time_to_first_token", "n_password_resets", "request_id", "tokens", "note"),
)
ITEMS = [
    *(0.5, -0.0, 0.0, 1e16, float("nan"), float("inf"), 0, 1, -7, 493021, 2**70, True, False, None),
    *("", "missing", "word", "two words", "true", "a|b", "\ud800", "Ann@Example.org", " ann@example.org", SECRET),
    *("L81bwMhXBVCZqi9cHSkZPxEG58K4dpEn", f"Bearer {SECRET}-1-2-3", "postgres://a:Zebra77kite@db/x", f"my {SECRET}"),
]
COLUMNS = [
    np.array([1.5, -0.0, 2.5]),
    np.array([np.nan, np.inf, 0.25], dtype=np.float32),
    np.array([493021, 7, 2**40]),
    np.array([True, False, True]),
    np.array([SECRET, "word", SECRET]),
    np.array(["a", None, 0.5], dtype=object),
    np.arange(6.0).reshape(3, 2),
    np.array([[493021], [493022], [1]]),
    [0.0, -0.0, 0.5],
    [0, False, 0.0],
    [493021, 1, None],
    [SECRET, "missing", SECRET],
    ["sesame", "sesame", ""],
    [SECRET, None, 3],
    [[SECRET], ["a"], []],
    [[493021], [1.5], []],
    [{"a": SECRET}, {"type": "aes"}, {}],
    [b"sesame", (1, 2), {SECRET}],
]


@pytest.mark.parametrize("name", NAMES)
def test_each_column_is_written_as_row_by_row(name: str) -> None:
    for column in COLUMNS:
        batch = {name: column, "features": {name: column, "x": column}, "n": [1, 2, 3]}
        assert written(with_(batch=batch), OWN) == one_by_one({}, batch, 3, OWN), repr(column)


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(ITEMS), min_size=2), min_size=1, max_size=3))
def test_any_items_are_written_as_row_by_row(drawn: list[dict[str, Any]]) -> None:
    names = drawn[0].keys()
    batch = {name: [row.get(name, SECRET) for row in drawn] for name in names}
    bound = {name: value for row in drawn for name, value in row.items() if name not in names}
    assert written(with_(**bound, batch=batch), OWN) == one_by_one(bound, batch, len(drawn), OWN)


@pytest.mark.parametrize("name", [*NUMBERS_ONLY, "time_to_first_token", "n_password_resets"])
def test_numbers_go_the_quick_way(name: str) -> None:
    for column in COLUMNS[:2]:
        assert goes_the_quick_way(with_(batch={name: column, "features": {name: column}}), OWN)
    assert goes_the_quick_way(with_(batch={name: COLUMNS[2]}), OWN)
    assert OWN.quick_line(with_(**{name: 0.5})) is not None
    assert OWN.quick_line(with_(**{name: 493021})) is not None


@pytest.mark.parametrize("name", ["password", "token", "email", "customer_id"])
def test_texts_go_the_quick_way_each_judged_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[Any] = []
    what = "pseudonym" if name in {"email", "customer_id"} else "under"
    original = getattr(OWN.redactor, what)

    def counted(*given: Any) -> Any:
        judged.append(given[-1])
        return original(*given)

    monkeypatch.setattr(OWN.redactor, what, counted)
    assert goes_the_quick_way(with_(batch={name: [SECRET, "sesame"] * 500, "x": np.zeros(1000)}), OWN)
    assert sorted(judged) == [SECRET, "sesame"]


@pytest.mark.parametrize(("name", "scheme"), [("password", ""), ("token", "Bearer "), ("email", "")])
def test_a_secret_of_a_row_is_hidden_in_its_other_texts(name: str, scheme: str) -> None:
    secret = "L81bwMhXBVCZqi9cHSkZPxEG58K4dpEn"  # noqa: S105 - made up
    column, said = [scheme + secret, "a"], [f"it was {secret}", "b"]
    batches = ({name: column, "said": said}, {"f": {name: column, "said": said}}, {"said": said, "f": {name: column}})
    for batch in batches:
        assert not goes_the_quick_way(with_(batch=batch), OWN)
        lines = written(with_(batch=batch), OWN)
        assert lines == one_by_one({}, batch, 2, OWN)
        assert secret not in lines
    record = {**with_(batch={name: column}), "message": said[0]}
    assert secret not in written(record, OWN).splitlines()[0]


@pytest.mark.parametrize("secret", ["\ud800", "Zebra\n77", 'Zeb"ra7', "Zeb\\ra77", "Zeb|ra77", "Zébra\x8577"])
def test_a_secret_that_a_line_escapes_is_hidden_in_the_rest_of_its_row(secret: str) -> None:
    for batch in ({"api_key": [secret], "token": [secret]}, {"api_key": [secret], "said": [f"it is {secret}."]}):
        assert written(with_(batch=batch), OWN) == one_by_one({}, batch, 1, OWN)
    batch, bound = {"api_key": [secret, "other"]}, {"said": f"it is {secret}.", "ids": {"a": secret}}
    assert written(with_(**bound, batch=batch), OWN) == one_by_one(bound, batch, 2, OWN)
    record = {**with_(batch=batch), "message": f"it is {secret}."}
    rows = [{**with_(api_key=item), "message": record["message"]} for item in batch["api_key"]]
    exact = "".join(render(row, OWN.redactor.contents_of(row)) + "\n" for row in rows)
    assert written(record, OWN) == exact.replace(exact[:27], written(record, OWN)[:27])


@pytest.mark.parametrize("name", NAMES)
def test_a_field_is_written_alike(name: str) -> None:
    for value in [*ITEMS, *COLUMNS, *({name: item} for item in ITEMS), {"name": name, "value": SECRET}]:
        record = with_(**{name: value, "n": 1})
        exact = render(record, OWN.redactor.contents_of(record))
        assert OWN(record) == exact
        assert OWN.quick_line(record) in {None, exact.encode()}


def test_what_a_record_holds_as_a_secret_is_hidden_where_it_was_harmless_before() -> None:
    harmless = {**with_(note=f"about {SECRET}"), "message": f"read {SECRET}"}
    assert OWN(harmless).count(SECRET) == 2
    assert SECRET not in OWN({**harmless, "extra": {**harmless["extra"], "password": SECRET}})
    assert f"about {SECRET}" not in OWN._values.texts
    assert f"read {SECRET}" not in OWN._messages


def test_all_texts_of_a_record_that_names_a_secret_are_forgotten_behind_lists_of_lists_too() -> None:
    told, listed = f"said {SECRET}", ["first", f"in a list {SECRET}"]
    OWN(with_(rows=[[1, None], ["x"]], told=told, listed=listed))
    assert told in OWN._values.texts
    assert tuple(listed) in OWN._values.lists
    OWN(with_(rows=[[1, None], ["x"]], told=told, listed=listed, password=SECRET))
    assert told not in OWN._values.texts
    assert tuple(listed) not in OWN._values.lists
