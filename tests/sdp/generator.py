"""Session descriptions made from a seed, for tests of what holds for all of them."""

from __future__ import annotations

from random import Random

from sipuac.sdp.description import SessionDescription

_CODECS = (
    ("PCMU/8000", "0"),
    ("PCMA/8000", "8"),
    ("G722/8000", "9"),
    ("opus/48000/2", None),
    ("AMR/8000", None),
    ("iLBC/8000", None),
    ("telephone-event/8000", None),
    ("telephone-event/48000", None),
    ("CN/8000", "13"),
)
_VIDEO = (("VP8/90000", None), ("H264/90000", None), ("H261/90000", "31"))
_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_EXTRAS = (
    "a=ptime:20",
    "a=rtcp-mux",
    "a=ssrc:1 cname:x",
    "a=ice-ufrag:abcd",
    "a=candidate:1 1 UDP 1 192.0.2.9 9 typ host",
    "a=X-odd: value, with \N{GREEK SMALL LETTER ALPHA} and ::",
    "a=mid:0",
    "a=setup:actpass",
)


def lines(random: Random) -> list[str]:
    """The lines of a valid description: zero to five streams of all sorts."""
    session = [
        "v=0",
        f"o={random.choice(['-', 'alice', 'x@y'])} {random.getrandbits(62)} "
        f"{random.randrange(1, 2**61)} IN {_address(random)}",
        random.choice(["s=-", "s= ", "s=A call: \N{LATIN SMALL LETTER E WITH ACUTE}"]),
    ]
    session += random.choice([[], ["i=about it"], ["u=http://a.example/", "e=a@b.c"]])
    session.append(f"c=IN {_address(random)}")
    session += random.choice([[], ["b=AS:64"], ["b=CT:9", "b=X-y:1"]])
    session += random.choice(
        [
            ["t=0 0"],
            ["t=3724394400 3724398000", "t=3724484400 3724488000"],
            ["t=3724394400 3754123200", "r=7d 1h 0 25h", "z=3730928400 -1h"],
        ]
    )
    session += random.choice([[], [f"a={random.choice(_DIRECTIONS)}"], ["a=tool:x y"]])
    for _ in range(random.randrange(6)):
        session += _stream(random)
    return session


def description(random: Random) -> SessionDescription:
    """A valid description."""
    return SessionDescription.of_lines(lines(random))


def _address(random: Random) -> str:
    return random.choice(["IP4 192.0.2.7", "IP6 2001:db8::7", "IP4 host.example.com"])


def _stream(random: Random) -> list[str]:
    port = random.choice([0, random.randrange(1, 65_536), 40_000])
    own = random.choice([[], [f"c=IN {_address(random)}"]])
    kind = random.randrange(8)
    if kind == 0:
        return [f"m=image {port} udptl t38", *own, "a=T38FaxVersion:0"]
    if kind == 1:
        return [f"m=message {port} TCP/MSRP *", *own, "a=accept-types:text/plain"]
    media, codecs = ("video", _VIDEO) if kind == 2 else ("audio", _CODECS)
    chosen = random.sample(codecs, random.randrange(1, len(codecs) + 1))
    dynamic = random.sample(range(96, 128), len(chosen))
    numbers = [
        static or str(number)
        for (_, static), number in zip(chosen, dynamic, strict=True)
    ]
    profile = random.choice(["RTP/AVP", "RTP/AVP", "RTP/SAVP", "UDP/TLS/RTP/SAVPF"])
    attributes = [
        f"a=rtpmap:{number} {encoding}"
        for number, (encoding, static) in zip(numbers, chosen, strict=True)
        if static is None or random.random() < 0.5
    ]
    attributes += [
        f"a=fmtp:{number} 0-15"
        for number, (encoding, _) in zip(numbers, chosen, strict=True)
        if encoding.startswith("telephone-event")
    ]
    attributes += random.sample(_EXTRAS, random.randrange(len(_EXTRAS)))
    random.shuffle(attributes)
    if random.random() < 0.5:
        attributes.append(f"a={random.choice(_DIRECTIONS)}")
    return [f"m={media} {port} {profile} {' '.join(numbers)}", *own, *attributes]
