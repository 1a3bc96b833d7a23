"""Random messages and values for property tests, all from one seeded generator.

A test makes `Generator(seed)` and names the seed in its failure message, so that the
failure can be seen again.
"""

from __future__ import annotations

import random
import string

from sipuac.syntax.fields import (
    CSeq,
    MediaType,
    NameAddress,
    RAck,
    Reason,
    RetryAfter,
    Via,
    Warning,
)
from sipuac.syntax.lexical import Parameters, quote
from sipuac.syntax.message import Message, Request, Response
from sipuac.syntax.uri import OtherUri, SipUri, TelUri, Uri

TOKEN_CHARACTERS = string.ascii_letters + string.digits + "-.!%*_+`'~"
METHODS = ("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "PRACK", "UPDATE", "x-!~")
HOSTS = (
    "example.com",
    "a",
    "192.0.2.1",
    "2001:db8::1",
    "::ffff:192.0.2.1",
    "sip_1.example.com.",
)
TEXTS = (
    "",
    "Alice",
    'A "B" \\ C',
    "a;tag=b",
    "<sip:x@y>, z",
    "Ünïcødé ☎",
    "nul \0 bel \a",
    "\tx ",
)


class Generator:
    """Makes values and messages; the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)

    def token(self) -> str:
        """A token."""
        return "".join(self.random.choices(TOKEN_CHARACTERS, k=self.number(1, 8)))

    def number(self, low: int = 0, high: int = 2**32 - 1) -> int:
        """A whole number."""
        return self.random.randint(low, high)

    def chance(self) -> bool:
        """True half of the time."""
        return self.random.random() < 0.5

    def parameters(self, *names: str) -> Parameters:
        """Parameters of a field: some of these, and some others."""
        pairs: list[tuple[str, str | None]] = []
        for name in names:
            if self.chance():
                pairs.append((name, self.token()))
        for index in range(self.number(0, 3)):
            values = (None, self.token(), quote(self.random.choice(TEXTS)))
            pairs.append((f"{self.token()}{index}", self.random.choice(values)))
        self.random.shuffle(pairs)
        return tuple(pairs)

    def uri_parameters(self) -> Parameters:
        """Parameters of a URI."""
        pairs: list[tuple[str, str | None]] = []
        for index in range(self.number(0, 3)):
            values = (None, "", "a%20b", "[x]/:&+$", "~'()")
            pairs.append((f"p{index}", self.random.choice(values)))
        if self.chance():
            pairs.append(("lr", None))
        return tuple(pairs)

    def sip_uri(self) -> SipUri:
        """A SIP or SIPS URI."""
        user = self.random.choice((None, "alice", "a%40b", "+1;x=y?z/&=$,", "*31#"))
        password = self.random.choice((None, "", "p&=+$,w%3A")) if user else None
        return SipUri(
            self.random.choice(("sip", "sips")),
            user,
            password,
            self.random.choice(HOSTS),
            self.random.choice((None, 1, 5060, 65535)),
            self.uri_parameters(),
            (("Subject", "a%20b"), ("x", "")) if self.chance() else (),
        )

    def uri(self) -> Uri:
        """A URI of any kind."""
        other = OtherUri("urn", "service:sos")
        tel = TelUri("+1-201-555-0123", (("phone-context", "example.com"),))
        return self.random.choice((self.sip_uri(), self.sip_uri(), tel, other))

    def via(self) -> Via:
        """A Via value."""
        return Via(
            self.random.choice(("UDP", "TCP", "TLS", "X-OTHER")),
            self.random.choice(HOSTS),
            self.random.choice((None, 1, 5060, 65535)),
            self.parameters("branch", "received", "rport", "maddr"),
        )

    def address(self) -> NameAddress:
        """A value of From, To, Contact, Route."""
        name = self.random.choice((None, *TEXTS))
        return NameAddress(name, self.uri(), self.parameters("tag", "q", "expires"))

    def fields(
        self,
    ) -> list[CSeq | RAck | Reason | Warning | RetryAfter | MediaType]:
        """One value of each other field class."""
        text = self.random.choice((None, *TEXTS))
        return [
            CSeq(self.number(), self.token()),
            RAck(self.number(1), self.number(), self.token()),
            Reason(self.token(), self.number(0, 699), text, self.parameters()),
            Warning(self.number(100, 999), self.token(), text or ""),
            RetryAfter(self.number(), None, self.number()),
            MediaType(self.token().lower(), self.token().lower(), self.parameters()),
        ]

    def rows(self, method: str) -> list[tuple[str, str]]:
        """Header rows with all that is mandatory, in random order and spelling."""
        rows = [
            (self.name("From", "f"), str(self.address())),
            (self.name("To", "t"), str(self.address())),
            (self.name("Call-ID", "i"), f"{self.token()}@{self.token()}"),
            (self.name("CSeq"), f"{self.number()} {method}"),
            (self.name("Max-Forwards"), str(self.number(0, 255))),
            (self.name("X-Unknown"), self.random.choice((";;,,", "ä \x01", ""))),
        ]
        for name, compact in (("Contact", "m"), ("Route", ""), ("Record-Route", "")):
            for _ in range(self.number(0, 2)):
                values = [str(self.address()) for _ in range(self.number(1, 2))]
                rows.append((self.name(name, compact), ", ".join(values)))
        self.random.shuffle(rows)
        for _ in range(self.number(1, 3)):
            values = [str(self.via()) for _ in range(self.number(1, 2))]
            rows.insert(0, (self.name("Via", "v"), ", ".join(values)))
        return rows

    def name(self, long: str, compact: str = "") -> str:
        """One spelling of a field name."""
        spellings = [long, long.lower(), long.upper(), compact, compact.upper()]
        return self.random.choice([name for name in spellings if name])

    def message(self) -> Message:
        """A request or response that `check_received` accepts."""
        method = self.random.choice(METHODS)
        rows = self.rows(method)
        body = self.random.choice((b"", b"v=0\r\n", b"\r\n\r\n\0\xff", b"INVITE x"))
        if body:
            rows.append(("Content-Type", "application/sdp"))
        if self.chance():
            return Request(method, self.uri(), rows, body)
        reason = self.random.choice(("OK", "", "Später ☎", None))
        return Response(self.number(100, 699), reason, rows, body)
