"""What the rules ask: a Redactor, which knows the names, patterns and pseudonyms that were chosen."""

from typing import Any, Protocol

from sevenfold.redaction.rules.names import About, Kind


class Judge(Protocol):
    """What decides on names, texts and personal values."""

    def about(self, name: str) -> About:
        """Return all that a name says."""

    def kind(self, name: str) -> Kind:
        """Return what a name says about its value."""

    def key(self, name: str) -> str:
        """Return what is written of a name."""

    def text(self, text: str) -> str:
        """Return a text without its secrets."""

    def pseudonym(self, value: Any) -> Any:
        """Return what is written of a personal value."""
