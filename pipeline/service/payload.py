"""The rows of a request: from bytes to rows in the model's order, or an error that names all mistakes."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NoReturn, TypeGuard

import numpy as np

from pipeline.data.table import Table

MAX_ROWS = 10_000
MEDIA_TYPE = "application/json"
MAX_NUMBER = 1e150  # in size: the square of a larger one would overflow

_MOST_NAMED = 20  # wrong fields that an error names
_LONGEST = 40  # characters of a value that an error shows

Value = float | str | None
Row = tuple[Value, ...]


class RequestError(Exception):
    """A request that can't be answered as asked.

    Attributes
    ----------
    status : int
        HTTP status of the answer, 400 or above.
    kind : str
        A short constant name, logged as ``error_type``.
    headers : dict
        Additional headers of the answer.
    """

    def __init__(self, status: int, kind: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class Payload:
    """Rows to score, their values in the order of the schema; `several` unless the body was a single row."""

    rows: list[Row]
    several: bool


def read_payload(body: bytes, content_type: str, schema: Mapping[str, str]) -> Payload:
    """Read a body: a row is an object of features by name or a list of values by position; a list of rows is several.

    Parameters
    ----------
    body : bytes
        JSON in UTF-8.
    content_type : str
        The media type, with or without parameters.
    schema : mapping
        Each feature in order: "number" or "category".

    Raises
    ------
    RequestError
        With one sentence for the client: 400, 413 for too many rows, 415 or 422. Rows count from 0.
    """
    if content_type.partition(";")[0].strip().lower() != MEDIA_TYPE:
        got = repr(content_type[:80]) if content_type else "none"
        raise RequestError(415, "unsupported_media_type", f"expected Content-Type {MEDIA_TYPE}, got {got}")
    content = _parse(body)
    several = isinstance(content, list) and (not content or any(isinstance(one, list | dict) for one in content))
    rows = content if several else [content]
    _require_count(rows)
    wrong = (
        f"row {number}: {one}" if several else one
        for number, row in enumerate(rows)
        for one in _wrong(row, schema)  # nothing, in a row that is well
    )
    if named := list(islice(wrong, _MOST_NAMED)):
        n_more = sum(1 for _ in wrong)  # counted only: there may be as many as rows times features
        more = f"; and {n_more} more" if n_more else ""
        raise RequestError(422, "wrong_fields", "; ".join(named) + more)
    return Payload([_ordered(row, schema) for row in rows], several)


def to_table(rows: Sequence[Row], schema: Mapping[str, str]) -> Table:
    """Return at least one row as a table."""
    columns = dict(zip(schema, zip(*rows, strict=True), strict=True))
    # All numbers at once, None as NaN: an array for each of some thousand columns takes longer than the model.
    numeric = [values for name, values in columns.items() if schema[name] == "number"]
    numbers = iter(np.array(numeric, dtype=np.float64))
    return Table(
        {
            name: next(numbers) if schema[name] == "number" else np.array(values, dtype=object)
            for name, values in columns.items()
        }
    )


class _Repetitive(dict[str, Any]):
    """An object that gave a name twice, which JSON leaves open, and two readers may take differently."""

    repeated: str


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body.decode(), object_pairs_hook=_object, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise RequestError(400, "not_json", f"the body isn't UTF-8: see byte {error.start}") from None
    except json.JSONDecodeError as error:
        where = f"see line {error.lineno}, column {error.colno}" if body.strip() else "it is empty"
        raise RequestError(400, "not_json", f"the body isn't JSON: {where}") from None
    except RecursionError:
        raise RequestError(400, "not_json", "the body is nested too deeply") from None
    except ValueError:  # Python reads no integer of thousands of digits
        raise RequestError(400, "not_json", "the body has a number of too many digits") from None


def _refuse_constant(word: str) -> NoReturn:
    raise RequestError(400, "not_json", f"the body isn't JSON: it has the word {word}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) == len(pairs):
        return row
    repetitive = _Repetitive(row)
    repetitive.repeated = Counter(name for name, _ in pairs).most_common(1)[0][0]
    return repetitive


def _require_count(rows: Sequence[Any]) -> None:
    if not rows:
        raise RequestError(422, "wrong_fields", "expected at least 1 row, got an empty list")
    if len(rows) > MAX_ROWS:
        raise RequestError(413, "too_large", f"expected at most {MAX_ROWS} rows, got {len(rows)}")


def _wrong(row: Any, schema: Mapping[str, str]) -> Iterator[str]:
    """Name every field that is wrong, at once, so that a client mends them in one go."""
    if isinstance(row, list):
        if len(row) != len(schema):
            yield f"expected {len(schema)} values, one for each feature in the order of /schema, got {len(row)}"
            return
        row = dict(zip(schema, row, strict=True))
    elif not isinstance(row, dict):
        yield f"expected an object of features by name or a list of their values, got {_shown(row)}"
        return
    if isinstance(row, _Repetitive):
        yield f"{row.repeated[:80]}: given twice"
    if row.keys() != schema.keys():
        yield from (f"{name}: missing" for name in schema if name not in row)
        yield from (f"{name[:80]}: unknown" for name in row if name not in schema)
    for name, kind in schema.items():
        value = row.get(name)  # None fits
        if type(value) is float and kind == "number" and -MAX_NUMBER <= value <= MAX_NUMBER:
            continue  # of thousands, nearly all are so
        if not _fits(value, kind):
            yield f"{name}: expected {_expected(value, kind)}, got {_shown(value)}"


def _expected(value: object, kind: str) -> str:
    return f"a number from {-MAX_NUMBER:g} to {MAX_NUMBER:g}" if kind == "number" and _is_number(value) else f"a {kind}"


def _fits(value: object, kind: str) -> bool:
    if value is None:  # a missing value, which the model knows how to take
        return True
    if kind == "category":
        return isinstance(value, str) and _is_text(value)
    return _is_number(value) and abs(value) <= MAX_NUMBER


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can write but isn't a character
        return False
    return True


def _shown(value: object) -> str:
    if isinstance(value, list | dict):  # may be nested more deeply than repr goes
        return "a list" if isinstance(value, list) else "an object"
    text = repr(value) if isinstance(value, str) or _is_number(value) else json.dumps(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _ordered(row: dict[str, Value] | list[Value], schema: Mapping[str, str]) -> Row:
    return tuple(row) if isinstance(row, list) else tuple([row[name] for name in schema])
