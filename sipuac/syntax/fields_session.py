"""The fields of session timers: Session-Expires and Min-SE (RFC 4028)."""

from __future__ import annotations

import re

from sipuac.errors import ParseError
from sipuac.syntax.lexical import find_parameter, parse_parameters, parse_seconds
from sipuac.syntax.values import value

UAC = "uac"
UAS = "uas"

_SECONDS = re.compile(r"([0-9]++)[ \t]*+(;.*)?", re.DOTALL)


@value(frozen=True, slots=True)
class SessionExpires:
    """How long the session lasts without a refresh (RFC 4028 section 4).

    Attributes:
        seconds: The interval; a number beyond 2**32-1 is read as that.
        refresher: `UAC` or `UAS` of the transaction that carries it; None where it is
            absent or something else.
    """

    seconds: int
    refresher: str | None = None

    @classmethod
    def parse(cls, text: str) -> SessionExpires:
        """The value of a Session-Expires field.

        Raises:
            ParseError: It is malformed.
        """
        parts = _SECONDS.fullmatch(text)
        if parts is None:
            raise ParseError(f"unreadable Session-Expires: {text[:80]!r}")
        found = find_parameter(parse_parameters(parts[2] or ""), "refresher")
        refresher = (found or "").lower()
        return cls(
            parse_seconds(parts[1], "Session-Expires"),
            refresher if refresher in (UAC, UAS) else None,
        )

    def __str__(self) -> str:
        refresher = "" if self.refresher is None else f";refresher={self.refresher}"
        return f"{self.seconds}{refresher}"


def parse_min_se(text: str) -> int:
    """Seconds of Min-SE (RFC 4028 section 5); beyond 2**32-1 is read as that.

    Raises:
        ParseError: It is malformed.
    """
    parts = _SECONDS.fullmatch(text)
    if parts is None:
        raise ParseError(f"unreadable Min-SE: {text[:80]!r}")
    parse_parameters(parts[2] or "")
    return parse_seconds(parts[1], "Min-SE")
