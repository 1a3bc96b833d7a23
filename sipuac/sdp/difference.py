"""What differs between two descriptions, in words for a person."""

from __future__ import annotations

from collections import Counter

from sipuac.sdp.description import MediaDescription, SessionDescription

_MAX_FACTS = 8
_MAX_TEXT = 60


def difference(first: SessionDescription, second: SessionDescription) -> str | None:
    """What changed from the first description to the second.

    Line ends do not count, nor does the order of lines within a section.

    Returns:
        One line, bounded in length and safe to log; None where nothing differs.
    """
    facts = _lines("session", first.session_lines, second.session_lines)
    if len(first.media) != len(second.media):
        facts.append(f"{len(second.media)} streams instead of {len(first.media)}")
    for index, (before, now) in enumerate(
        zip(first.media, second.media, strict=False), 1
    ):
        facts += _stream(f"stream {index}", before, now)
    if not facts:
        return None
    if len(facts) > _MAX_FACTS:
        facts[_MAX_FACTS:] = [f"and {len(facts) - _MAX_FACTS} more"]
    return "; ".join(facts)


def _stream(name: str, before: MediaDescription, now: MediaDescription) -> list[str]:
    """What differs between two streams in the same place."""
    aspects = [
        ("media type", before.media, now.media),
        ("port", before.port, now.port),
        ("number of ports", before.port_count, now.port_count),
        ("protocol", before.protocol, now.protocol),
        ("formats", " ".join(before.formats), " ".join(now.formats)),
    ]
    facts = [
        f"{name}: {aspect} {_shown(str(new))} instead of {_shown(str(old))}"
        for aspect, old, new in aspects
        if old != new
    ]
    return facts + _lines(name, before.lines[1:], now.lines[1:])


def _lines(name: str, before: tuple[str, ...], now: tuple[str, ...]) -> list[str]:
    """Which lines went and which came."""
    gone, came = Counter(before) - Counter(now), Counter(now) - Counter(before)
    return [f"{name}: without {_shown(line)}" for line in gone.elements()] + [
        f"{name}: with {_shown(line)}" for line in came.elements()
    ]


def _shown(text: str) -> str:
    """The text cut to a bearable length, without what could confuse a terminal."""
    safe = text.encode("unicode_escape", "backslashreplace").decode("ascii")
    return safe if len(safe) <= _MAX_TEXT else safe[: _MAX_TEXT - 3] + "..."
