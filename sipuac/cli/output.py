"""What a one-shot call prints: JSON lines for programs, or lines for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Protocol, TextIO

from sipuac.ua.events import CallEvent
from sipuac.ua.ladder import branch_letters
from sipuac.ua.legend import describe
from sipuac.ua.trace import TraceEntry


class Output(Protocol):
    """Where the events of a call go, and the text that is drawn at its end."""

    def event(self, event: CallEvent, seen: Sequence[TraceEntry]) -> None:
        """Print an event; `seen` are the messages of the call so far."""

    def text(self, text: str) -> None:
        """Print lines for people."""


def printable(text: str) -> str:
    """The text as a terminal may have it, lines and all.

    A peer chooses reason phrases and names: what would move the cursor, change the
    direction of writing or cannot be encoded is written as an escape.
    """
    if text.replace("\n", "").isprintable():
        return text
    return "".join(
        [
            one
            if one == "\n" or one.isprintable()
            else one.encode("unicode_escape").decode("ascii")
            for one in text
        ]
    )


class JsonOutput:
    """One object a line on standard output, flushed; all else on standard error."""

    def __init__(self, stdout: TextIO, stderr: TextIO) -> None:
        self._stdout = stdout
        self._stderr = stderr

    def event(self, event: CallEvent, seen: Sequence[TraceEntry]) -> None:
        """See `Output`."""
        self._stdout.write(f"{event.as_json()}\n")
        self._stdout.flush()

    def text(self, text: str) -> None:
        """See `Output`."""
        self._stderr.write(printable(text))
        self._stderr.flush()


class TextOutput:
    """A line of words for each event; branches have the letters of the ladder."""

    def __init__(self, stdout: TextIO) -> None:
        self._stdout = stdout
        self._events: list[CallEvent] = []

    def event(self, event: CallEvent, seen: Sequence[TraceEntry]) -> None:
        """See `Output`."""
        self._events.append(event)
        letters = branch_letters(seen, self._events)
        self.text(f"{event.time:8.3f}  {describe(event.body, letters)}\n")

    def text(self, text: str) -> None:
        """See `Output`."""
        self._stdout.write(printable(text))
        self._stdout.flush()


class Lines:
    """What the commands without a call print: a line of words or of JSON, flushed."""

    def __init__(self, stdout: TextIO, *, is_json: bool) -> None:
        self._stdout = stdout
        self._is_json = is_json

    def event(self, entries: Mapping[str, object], words: str) -> None:
        """Print an event: its entries, or the same in words."""
        self.line(json.dumps(entries, ensure_ascii=True) if self._is_json else words)

    def line(self, text: str) -> None:
        """Print a line."""
        self._stdout.write(f"{text}\n")
        self._stdout.flush()
