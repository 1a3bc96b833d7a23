"""The fuzz targets: what hypothesis makes, and the check that it goes through.

Inputs are good ones with a few changes, or put together from words of the grammar, so
that much of them is read and the rest is refused late.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz import checks
from tests.fuzz.corpus import corpus
from tests.fuzz.mutations import SPECIAL

Target = Callable[[int, int], None]

_FIELD_WORDS = (
    *(bytes((octet,)) for octet in b'"\\<>;,=:@?()[]%*/& \t\r\n\0\x0b\x7f\xff'),
    *("\ufeff".encode(), "é".encode(), "☎".encode(), b"a", b"0", b"1", b"9" * 11),
    *(b"4294967295", b"4294967296", b"sip:", b"sips:", b"tel:", b"SIP/2.0/UDP "),
    *(b"%41", b"%00", b"%", b"+1-2", b"192.0.2.1", b"[::1]", b"example.com", b"a.b."),
    *(b"[2001:db8:::192.0.2.1]", b";tag=", b";branch=", b";lr", b";q=0.5", b";x=y"),
    *(b";expires=", b";received=", b";rport", b"INVITE", b"Digest ", b"realm="),
    *(b";refresher=", b";cause=", b";text=", b";duration=", b";phone-context="),
)
_FIELDS = (
    b'"A \\" B" <sip:a@b;lr>;tag=x',
    b"caller<sips:%61@[::1]:5061;x=y>;q=0.5;expires=7",
    b"sip:a@b;tag=1;x",
    b"SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bK1;rport=7;received=2001:db8::2",
    b"SIP / 2.0 / TCP a.example ; maddr=192.0.2.1;ttl=1",
    b"4711 INVITE",
    b"1 4711 INVITE",
    b'399 a.b:5060 "text \\" x"',
    b'Q.850;cause=16;text="x, y";z',
    b"18000 (in a (long) \\) meeting);duration=3600",
    b'Digest realm="a, b", nonce="x", qop="auth,auth-int", algorithm=MD5, stale=true',
    b'multipart/mixed;boundary="a b"',
    b"90;refresher=uac",
    b"no-fork, queue",
    b"60",
)
_CHALLENGES = (
    b'Digest realm="a, b", nonce="x\\"y", qop="auth,auth-int", algorithm=MD5',
    b'Digest nonce=abc==,realm=x, algorithm=SHA-256-sess ,qop=auth,opaque=""',
    b'Digest realm="x",nonce="y",algorithm="SHA-512-256",userhash=true,charset=UTF-8',
    b'Basic realm="x", Digest realm="y", nonce="z", Negotiate,Digest nonce=v,realm=w',
    b'nextnonce="x", rspauth="0123", cnonce="cnonce", nc=00000001, qop=auth',
)
_URIS = (
    b"sip:alice:secret@example.com:5060;transport=tcp;lr?subject=a%20b&to=c",
    b"sips:%61lice;x=y@[2001:db8::1]:5061;maddr=192.0.2.1;ttl=1;method=INVITE",
    b"sip:+1-2;postd=p@a.example;user=phone",
    b"sip:b",
    b"tel:+1-201-555-0123;ext=12;phone-context=+1",
    b"tel:7042;isub=1/2;phone-context=example.com",
    b"urn:service:sos",
)
_SDP = (
    b"v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    b"m=audio 9 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15"
    b"\r\na=sendrecv\r\n",
    b"v=0\no=a 1 2 IN IP6 ::1\ns=x\ni=y\nu=z\ne=a\np=+1\nb=AS:1\nt=0 0\nr=7d 1h 0 1h\n"
    b"a=inactive\nm=audio 9/2 RTP/AVP 0\nc=IN IP6 ff15::1/3\na=rtcp:9 IN IP4 1.2.3.4\n"
    b"m=video 0 RTP/SAVPF 31\nc=IN IP4 224.2.1.1/127/3\nk=prompt\na=sendonly\n",
)
_BODIES = (
    b"before\r\n--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b \t\r\n\r\nx\r\n"
    b"--b--\r\nafter",
    b"--b\r\nc: multipart/alternative;\r\n boundary=c\r\nContent-Disposition: session;"
    b"handling=optional\r\n\r\n--c\r\n\r\ny\r\n--c\r\nc: application/sdp\r\n\r\nv=0\r\n"
    b"--c--\r\n--b--",
    b"",
)
_STREAM_WORDS = (
    *(b"\r\n", b"\r", b"\n", b"\r\n\r\n", b" ", b"\t", b"\0", b"\xff", b":"),
    *(b"INVITE sip:a SIP/2.0\r\n", b"SIP/2.0 200 OK\r\n", b"x", b"a: b\r\n"),
    *(b"l: 0\r\n", b"Content-Length: 3\r\n", b"l: 99999999999\r\n", b"l: -1\r\n"),
    *(b"v: SIP/2.0/TCP a;branch=b\r\n", b"y" * 3000),
)
_SDP_WORDS = (
    *(b"v=0", b"o=- 1 2 IN IP4 192.0.2.1", b"s=-", b"s=", b"c=IN IP4 192.0.2.1"),
    *(b"c=IN IP6 ff15::1/3", b"c=IN IP4 224.2.1.1/127/3", b"b=AS:1", b"t=0 0"),
    *(b"r=7d 1h 0", b"z=0 -1h", b"k=prompt", b"i=\xff", b"u=x", b"e=", b"p=+1"),
    *(b"m=audio 9 RTP/AVP 0 8 101", b"m=audio 0 RTP/SAVPF 0", b"m=text 1/2 TCP x"),
    *(b"a=rtpmap:101 telephone-event/8000", b"a=rtpmap:0 PCMU/8000/1", b"a=inactive"),
    *(b"a=fmtp:101 0-15", b"a=rtcp:53020 IN IP6 ::1", b"a=sendonly", b"a=", b"a=x:"),
    *(b"", b"=", b"x=", b"m=", b"o= - 1", b"t=99999999999999999999 0"),
)
_PART_WORDS = (
    *(b"--b", b"--b--", b"--b--b", b"--c", b"--c--", b"--", b"\r\n", b" ", b"x"),
    *(b"Content-Type: application/sdp", b"Content-Type: text/plain", b"c: text/"),
    *(b"Content-Type: multipart/mixed;boundary=b", b"c:multipart/alternative;"),
    *(b"c: multipart/mixed;boundary=c", b"Content-Disposition: session;handling="),
    *(b"Content-Disposition: render;handling=optional", b"Content-Encoding: gzip"),
    *(b" folded", b"v=0", b"o=- 1 2 IN IP4 192.0.2.1", b"s=-", b"t=0 0", b"\0\xff"),
)
_PART_TYPES = (
    "multipart/mixed;boundary=b",
    'multipart/alternative;boundary="b"',
    "multipart/related;boundary=c;x=y",
    "multipart/mixed",
    'multipart/mixed;boundary="\xff"',
    "application/sdp",
    "text/plain",
)


def _octets(words: tuple[bytes, ...], joint: bytes = b"") -> st.SearchStrategy[bytes]:
    """Such words in any order, with a few other octets between them."""
    word = st.sampled_from(words) | st.binary(max_size=4)
    return st.lists(word, max_size=30).map(joint.join)


@st.composite
def _edited(
    draw: st.DrawFn, bases: tuple[bytes, ...], words: tuple[bytes, ...]
) -> bytes:
    """One of these with up to five changes."""
    octets = bytearray(draw(st.sampled_from(bases)))
    for _ in range(draw(st.integers(0, 5))):
        position = draw(st.integers(0, len(octets)))
        end = position + draw(st.integers(0, 6))
        kind = draw(st.integers(0, 2))
        if kind == 0:
            octets[position:end] = b""
        elif kind == 1:
            octets[position:position] = octets[position : end + 6]
        else:
            octets[position:end] = draw(st.sampled_from(words) | st.binary(max_size=2))
    return bytes(octets)


def _texts(bases: tuple[bytes, ...]) -> st.SearchStrategy[str]:
    """The values of fields, and what looks like them."""
    return (_edited(bases, _FIELD_WORDS) | _octets(_FIELD_WORDS)).map(
        lambda octets: octets.decode("utf-8", "surrogateescape")
    )


@st.composite
def _messages(draw: st.DrawFn) -> bytes:
    """A message of the corpus with up to eight changes, or two of them in one."""
    names = sorted(corpus())
    octets = bytearray(corpus()[draw(st.sampled_from(names))])
    for _ in range(draw(st.integers(0, 8))):
        position = draw(st.integers(0, len(octets)))
        kind = draw(st.integers(0, 4))
        if kind == 0:
            octets[position : position + 1] = bytes((draw(st.sampled_from(SPECIAL)),))
        elif kind == 1:
            octets[position:position] = draw(st.sampled_from(_STREAM_WORDS))
        elif kind == 2:
            del octets[position : position + draw(st.integers(1, 40))]
        elif kind == 3:
            end = position + draw(st.integers(1, 60))
            octets[position:position] = octets[position:end]
        else:
            other = corpus()[draw(st.sampled_from(names))]
            octets[position:] = other[draw(st.integers(0, len(other))) :]
    return bytes(octets)


_CUTS = st.lists(st.integers(0, 4000), max_size=6).map(tuple)

#: What each target is fed with, and what becomes of it.
_TARGETS: dict[
    str, tuple[tuple[st.SearchStrategy[object], ...], Callable[..., object]]
] = {
    "parser": ((_messages() | _octets(_STREAM_WORDS),), checks.datagram),
    "framer": ((_messages() | _octets(_STREAM_WORDS), _CUTS), checks.stream),
    "uri": ((_texts(_URIS),), checks.uri),
    "fields": ((_texts(_FIELDS),), checks.field),
    "challenges": ((_texts(_CHALLENGES),), checks.challenges),
    "sdp": ((_edited(_SDP, _SDP_WORDS) | _octets(_SDP_WORDS, b"\r\n"),), checks.sdp),
    "multipart": (
        (
            _edited(_BODIES, _PART_WORDS) | _octets(_PART_WORDS, b"\r\n"),
            st.sampled_from(_PART_TYPES),
        ),
        checks.multipart,
    ),
}
#: Names of the targets.
TARGETS = tuple(_TARGETS)


def run(name: str, start: int, examples: int) -> None:
    """Feed a target.

    Args:
        name: One of `TARGETS`.
        start: Decides what hypothesis makes; the same for the same number.
        examples: How many inputs are made.

    Raises:
        Exception: What came out of it, with the smallest input that brings it out.
    """
    strategies, check = _TARGETS[name]

    @seed(start)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.tuples(*strategies))
    def feed(arguments: tuple[object, ...]) -> None:
        check(*arguments)

    feed()
