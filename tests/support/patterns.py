"""Strings that a regular expression matches, and strings that it nearly matches, to try rules on."""

import random
import re
import string
from collections.abc import Callable, Iterable, Iterator
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from types import ModuleType
from typing import Any

_LETTERS = string.ascii_letters + string.digits
_PRINTABLE = "".join(map(chr, range(32, 127)))
_MORE = 6  # repetitions beyond the least that are drawn


def match_of(pattern: str, rng: random.Random, flags: int = re.ASCII) -> str:
    """Draw a string that a pattern matches as a whole, looking around aside."""
    whole = re.compile(pattern, flags)
    for _ in range(500):
        drawn = _draw(parser.parse(pattern, flags), rng)
        if whole.fullmatch(drawn):
            return drawn
    raise AssertionError(f"drew nothing that matches {pattern}")


def near_matches(pattern: re.Pattern[str], rng: random.Random) -> Iterator[str]:
    """Draw beginnings of strings that a pattern matches: what it gets far with, and then gives up."""
    for _ in range(3):
        drawn = _draw(parser.parse(pattern.pattern, pattern.flags), rng)[:60]
        for length in sorted({1, 2, 4, len(drawn) // 2, len(drawn) - 1, len(drawn)}):
            if 0 < length <= len(drawn):
                yield drawn[:length]


def _draw(tree: Any, rng: random.Random) -> str:
    return "".join(_draw_one(code, argument, rng) for code, argument in tree)


def _draw_one(code: Any, argument: Any, rng: random.Random) -> str:
    if code is codes.LITERAL:
        return chr(argument)
    if code in {codes.ANY, codes.NOT_LITERAL}:
        return rng.choice([one for one in _LETTERS if code is codes.ANY or ord(one) != argument])
    if code is codes.IN:
        return _draw_from(argument, rng)
    if code is codes.BRANCH:
        return _draw(rng.choice(argument[1]), rng)
    if code in {codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT}:
        least, most, inner = argument
        times = rng.randint(least, max(least, min(most, least + _MORE)))
        return "".join(_draw(inner, rng) for _ in range(times))
    if code is codes.SUBPATTERN:
        return _draw(argument[3], rng)
    if code is codes.ATOMIC_GROUP:
        return _draw(argument, rng)
    return ""  # what looks around


def _draw_from(items: Any, rng: random.Random) -> str:
    negated = items[0][0] is codes.NEGATE
    for characters, n_tries in ((_LETTERS, 30), (_PRINTABLE, 300)):
        for _ in range(n_tries):
            drawn = rng.choice(characters)
            if any(_has(item, drawn) for item in items) != negated:
                return drawn
    return chr(items[0][1] if items[0][0] is codes.LITERAL else 233)


def _has(item: Any, character: str) -> bool:
    code, argument = item
    if code is codes.LITERAL:
        return bool(argument == ord(character))
    if code is codes.RANGE:
        return bool(argument[0] <= ord(character) <= argument[1])
    if code is codes.CATEGORY:
        kinds = {
            codes.CATEGORY_DIGIT: character.isdigit(),
            codes.CATEGORY_SPACE: character.isspace(),
            codes.CATEGORY_WORD: character.isalnum() or character == "_",
        }
        return kinds[argument] if argument in kinds else not kinds[_POSITIVE[argument]]
    return False


_POSITIVE = {
    codes.CATEGORY_NOT_DIGIT: codes.CATEGORY_DIGIT,
    codes.CATEGORY_NOT_SPACE: codes.CATEGORY_SPACE,
    codes.CATEGORY_NOT_WORD: codes.CATEGORY_WORD,
}


def patterns_in(modules: Iterable[ModuleType]) -> dict[str, re.Pattern[str]]:
    """Find each compiled pattern that modules hold, in their constants and in what those hold."""
    found: dict[re.Pattern[str], str] = {}
    for module in modules:
        for name, value in vars(module).items():
            for number, pattern in enumerate(_patterns_below(value)):
                found.setdefault(pattern, f"{module.__name__.rpartition('.')[2]}.{name}.{number}")
    return {name: pattern for pattern, name in found.items()}


def _patterns_below(value: Any, depth: int = 0) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern):
        yield value
    elif depth < 3 and isinstance(value, dict | tuple | list | set | frozenset):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _patterns_below(inner, depth + 1)


def functions_of_a_text(modules: Iterable[ModuleType]) -> dict[str, Callable[[str], Any]]:
    """Find each function of modules that takes one text and nothing else."""
    found = {}
    for module in modules:
        for name, value in vars(module).items():
            said = getattr(value, "__annotations__", {})
            takes = [kind for argument, kind in said.items() if argument != "return"]
            if callable(value) and getattr(value, "__module__", "") == module.__name__ and takes == [str]:
                found[f"{module.__name__.rpartition('.')[2]}.{name}"] = value
    return found
