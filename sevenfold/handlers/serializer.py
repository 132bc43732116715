"""Loguru's ``serialize=True``, byte for byte, at half its cost: what a call site says each time is dumped once."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from sevenfold.lines.record import Record
from sevenfold.loguru_internals import serialized

_dump: Final = json.JSONEncoder(ensure_ascii=False, default=str).encode
_EXTRA: Final = '"exception": null, "extra": {}, '
_MESSAGE: Final = '"message": ""'
_TIME: Final = '"time": {"repr": "'
_MOST_SITES = 4096
_NEVER: Final = datetime(1, 1, 1, tzinfo=UTC)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_US: Final = timedelta(microseconds=1)
_US_PER_S: Final = 1_000_000


class Serializer:
    """Dump records without an exception as loguru does; all others are left to loguru.

    A site is the place of a call, with its level, thread and process. Their JSON is remembered as two texts: before the
    message, and between the message and the time.
    """

    def __init__(self) -> None:
        self._sites: dict[tuple[Any, ...], tuple[str, str]] = {}
        self._second = _NEVER
        self._shown = self._offset = ""
        self._second_us = 0  # since the epoch

    def __call__(self, text: str, record: Record) -> str:
        """Return the JSON of a record and its text, with the line's end."""
        try:
            return self._quick(text, record)
        except Exception:  # an exception was logged, or a patcher put something else on the record
            return serialized(text, record)

    def _quick(self, text: str, record: Record) -> str:
        elapsed, time = record["elapsed"], record["time"]
        if record["exception"] is not None or type(elapsed) is not timedelta:
            raise LookupError
        before, behind = self._site(record)
        return (
            f'{{"text": {_dump(text)}, "record": {{"elapsed": {{"repr": "{elapsed!s}",'
            f' "seconds": {elapsed.total_seconds()!r}}}, "exception": null, "extra": {_dump(record["extra"])}, '
            f"{before}{_dump(record['message'])}{behind}{self._moment(time)}}}}}}}\n"
        )

    def _site(self, record: Record) -> tuple[str, str]:
        file, level, process, thread = record["file"], record["level"], record["process"], record["thread"]
        line, function, module, name = record["line"], record["function"], record["module"], record["name"]
        key = (
            *(file.path, line, level.name, thread.id, process.id, function, module, name, file.name),
            *(level.no, level.icon, thread.name, process.name),
        )
        site = self._sites.get(key)
        return self._learnt(key, record) if site is None else site

    def _learnt(self, key: tuple[Any, ...], record: Record) -> tuple[str, str]:
        whole = serialized("", {**record, "extra": {}, "message": ""})
        _, _, rest = whole.partition(_EXTRA)
        before, _, rest = rest.partition(_MESSAGE)
        behind, _, _ = rest.rpartition(_TIME)
        site = f'{before}"message": ', f"{behind}{_TIME}"
        if len(self._sites) >= _MOST_SITES:
            self._sites.clear()
        self._sites[key] = site
        return site

    def _moment(self, time: datetime) -> str:
        """Return a time as ``str`` has it, and its timestamp; what all times of one second share is made once."""
        if type(time.tzinfo) is not timezone or not time.microsecond:  # a zone may change its offset within a second
            return f'{time!s}", "timestamp": {time.timestamp()!r}'
        passed = time - self._second
        if passed.days or passed.seconds or time.tzinfo != self._second.tzinfo:
            self._second = time.replace(microsecond=0)
            shown = str(self._second)
            self._shown, self._offset = shown[:19], shown[19:]
            self._second_us = (self._second - _EPOCH) // _US
        us = time.microsecond
        return f'{self._shown}.{us:06}{self._offset}", "timestamp": {(self._second_us + us) / _US_PER_S!r}'

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__()  # type: ignore[misc]
