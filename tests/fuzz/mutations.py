"""All that one octet can do to a message: changed, left out, put in."""

from __future__ import annotations

import random
from collections.abc import Iterator

#: Octets that mean something in a message.
SPECIAL = b'\0\r\n\t "<>;,:=@%\\[]()*?/&#+\x1b\x7f\xc3\xff09aV'


def all_mutations(octets: bytes) -> Iterator[bytes]:
    """Every octet changed to every other one, left out, and special ones put in.

    Of those that mean nothing in a message, one of each kind is special.
    """
    for position in range(len(octets) + 1):
        yield from _changed_at(octets, position, range(256))
        yield from _put_in_at(octets, position, SPECIAL)


def mutations_at(octets: bytes, position: int, values: bytes) -> Iterator[bytes]:
    """The octet there changed to each of these or left out, or one of them put in."""
    yield from _changed_at(octets, position, values)
    yield from _put_in_at(octets, position, values)


def _changed_at(octets: bytes, position: int, values: bytes | range) -> Iterator[bytes]:
    if position < len(octets):
        before, here, rest = octets[:position], octets[position], octets[position + 1 :]
        yield before + rest
        for value in values:
            if value != here:
                yield before + bytes((value,)) + rest


def _put_in_at(octets: bytes, position: int, values: bytes) -> Iterator[bytes]:
    before, after = octets[:position], octets[position:]
    for value in values:
        yield before + bytes((value,)) + after


def some_mutations(
    messages: dict[str, bytes], seed: int, count: int
) -> Iterator[tuple[str, bytes]]:
    """So many of them, by chance: the name of the message and its mutation."""
    source = random.Random(seed)
    names = sorted(messages)
    for _ in range(count):
        name = source.choice(names)
        octets = messages[name]
        position = source.randrange(len(octets) + 1)
        value = source.choice((source.randrange(256), source.choice(SPECIAL)))
        choices = list(mutations_at(octets, position, bytes((value,))))
        yield name, source.choice(choices)
