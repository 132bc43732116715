"""What the rules need of a `Redactor`, which knows the chosen names, patterns and pseudonyms."""

from typing import Any, Protocol

from sevenfold.redaction.rules.names import About, Kind


class Judge(Protocol):
    """What decides on names, texts and personal values."""

    def about(self, name: str) -> About:
        """Return all that a name says."""

    def kind(self, name: str) -> Kind:
        """Return what a name says about its value."""

    def key(self, name: str) -> str:
        """Return a name as it is written."""

    def text(self, text: str) -> str:
        """Return a text without its secrets."""

    def pseudonym(self, value: Any) -> Any:
        """Return what is written in place of a personal value."""
