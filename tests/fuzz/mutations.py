"""All that one octet can do to a message: changed, left out, put in."""

from __future__ import annotations

import random
from collections.abc import Iterator

#: Octets that mean something in a message.
SPECIAL = b'\0\r\n\t "<>;,:=@%\\[]()*?/&#+\x1b\x7f\xc3\xff09aV'


def all_mutations(octets: bytes) -> Iterator[bytes]:
    """Every message that differs from this one by a single octet."""
    for position in range(len(octets) + 1):
        yield from mutations_at(octets, position, range(256))


def mutations_at(
    octets: bytes, position: int, values: bytes | range
) -> Iterator[bytes]:
    """The messages that differ here: the octet changed, left out, one put before it."""
    before, after = octets[:position], octets[position:]
    rest = after[1:]
    for value in values:
        octet = bytes((value,))
        yield before + octet + after
        if after and after[0] != value:
            yield before + octet + rest
    if after:
        yield before + rest


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
