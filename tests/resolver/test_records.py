"""What is read from answers, and what is not believed."""

from __future__ import annotations

from typing import Any

from twisted.names import dns
from twisted.trial.unittest import SynchronousTestCase

from sipuac.resolver.records import (
    MAX_NEGATIVE_TTL,
    MAX_RECORDS,
    MAX_TTL,
    Answer,
    Status,
    plain_name,
    read_answer,
)
from sipuac.resolver.rules import Naptr, Srv
from tests.resolver.zone import alias, headers, naptr, soa, srv, v4, v6


def read(
    kind: int, *answers: dns.RRHeader, authorities: tuple[Any, ...] = ()
) -> Answer:
    """What these sections say of a.example."""
    return read_answer("a.example", kind, (answers, authorities, ()))


class RecordTests(SynchronousTestCase):
    """Records of each type."""

    def test_types(self) -> None:
        """Each type becomes a value of its own."""
        for kind, record, expected in (
            (dns.A, v4("192.0.2.1"), "192.0.2.1"),
            (dns.AAAA, v6("2001:db8::1"), "2001:db8::1"),
            (dns.SRV, srv("B.Example", 5070, 1, 2), Srv(1, 2, 5070, "b.example")),
            (
                dns.NAPTR,
                naptr("SIP+D2U", "_sip._udp.b.example", 1, 2),
                Naptr(1, 2, "s", "SIP+D2U", "", "_sip._udp.b.example"),
            ),
        ):
            found = read(kind, *headers("A.example", [record]))
            self.assertEqual(found, Answer(Status.FOUND, (expected,), ttl=300))

    def test_other_types(self) -> None:
        """Records of another type than was asked for do not count."""
        found = read(dns.AAAA, *headers("a.example", [v4("192.0.2.1")]))
        self.assertEqual(found, Answer(Status.NONE))

    def test_other_names(self) -> None:
        """Records of another name do not count, whoever sends them along."""
        found = read(dns.A, *headers("bank.example", [v4("192.0.2.1")]))
        self.assertEqual(found, Answer(Status.NONE))

    def test_other_classes(self) -> None:
        """SRV RRs occur in the IN Class: records of another do not count."""
        header = headers("a.example", [v4("192.0.2.1")])[0]
        header.cls = dns.CH
        self.assertEqual(read(dns.A, header), Answer(Status.NONE))

    def test_additional_records(self) -> None:
        """What was not asked for is not taken."""
        sections = ((), (), headers("a.example", [v4("192.0.2.1")]))
        self.assertEqual(read_answer("a.example", dns.A, sections), Answer(Status.NONE))

    def test_many_records(self) -> None:
        """Of very many the most wanted ones are looked at (3263-4-b)."""
        records = [srv(f"s{n}.example", priority=9999 - n) for n in range(5000)]
        found = read(dns.SRV, *headers("a.example", records)).records
        self.assertEqual(len(found), MAX_RECORDS)
        self.assertEqual(found[0], Srv(5000, 0, 5060, "s4999.example"))
        pointers = [naptr("SIP+D2U", "b.example", order=9999 - n) for n in range(5000)]
        found = read(dns.NAPTR, *headers("a.example", pointers)).records
        self.assertEqual(len(found), MAX_RECORDS)

    def test_nothing_fit_for_use(self) -> None:
        """Records that lead nowhere are there all the same."""
        odd = srv("x")
        odd.target.name = b"a b"
        found = read(dns.SRV, *headers("a.example", [odd]))
        self.assertEqual((found.status, found.records), (Status.FOUND, ()))


class AliasTests(SynchronousTestCase):
    """Aliases within one answer."""

    def test_chain(self) -> None:
        """A name server that follows aliases sends all of it; each is good for the time
        of the shortest.
        """
        answers = [
            *headers("c.example", [v4("192.0.2.1", ttl=500)]),
            *headers("b.example", [alias("c.example", ttl=20)]),
            *headers("a.example", [alias("b.example", ttl=30)]),
        ]
        found = read(dns.A, *answers)
        self.assertEqual(found, Answer(Status.FOUND, ("192.0.2.1",), ttl=20))

    def test_open_end(self) -> None:
        """Where the chain ends without records, its end is to be asked for."""
        found = read(dns.A, *headers("a.example", [alias("b.example")]))
        self.assertEqual(found, Answer(Status.FOUND, (), "b.example", 300))

    def test_closed_end(self) -> None:
        """A SOA record says that the end has no such records."""
        chain = headers("a.example", [alias("b.example", 300)])
        found = read(dns.A, *chain, authorities=(soa(60),))
        self.assertEqual(found, Answer(Status.NONE, ttl=60))

    def test_circle(self) -> None:
        """A circle leads nowhere (3263-4-b)."""
        answers = [
            *headers("a.example", [alias("b.example")]),
            *headers("b.example", [alias("a.example")]),
        ]
        self.assertEqual(read(dns.A, *answers).status, Status.NONE)
        long = [
            header
            for n in range(50)
            for header in headers(f"{n or 'a'}.example", [alias(f"{n + 1}.example")])
        ]
        self.assertEqual(read(dns.A, *long).status, Status.NONE)

    def test_odd_alias(self) -> None:
        """An alias that is no name leads nowhere."""
        odd = alias("x")
        odd.name = dns.Name()
        odd.name.name = b"\x00"
        self.assertEqual(read(dns.A, *headers("a.example", [odd])).status, Status.NONE)


class TimeTests(SynchronousTestCase):
    """How long an answer may be kept."""

    def test_shortest(self) -> None:
        """All records of an answer go when the first one does."""
        records = [v4("192.0.2.1", ttl=9), v4("192.0.2.2", ttl=7)]
        self.assertEqual(read(dns.A, *headers("a.example", records)).ttl, 7)

    def test_extremes(self) -> None:
        """TTL 0 is 0, a huge one is bounded, and one with the most significant bit set
        is treated as zero (RFC 2181 section 8).
        """
        for ttl, kept in (
            (0, 0),
            (MAX_TTL + 1, MAX_TTL),
            (2**31 - 1, MAX_TTL),
            (2**31, 0),
            (2**32 - 1, 0),
        ):
            found = read(dns.A, *headers("a.example", [v4("192.0.2.1", ttl=ttl)]))
            self.assertEqual(found.ttl, kept)

    def test_negative(self) -> None:
        """That there is nothing is kept for the minimum of the SOA record and its TTL,
        and not without one (RFC 2308 section 5).
        """
        for record, kept in (
            (soa(60, 3600), 60),
            (soa(3600, 30), 30),
            (soa(2**31 - 1, 2**31 - 1), MAX_NEGATIVE_TTL),
        ):
            found = read(dns.A, authorities=(record,))
            self.assertEqual(found, Answer(Status.NONE, ttl=kept))
        self.assertEqual(read(dns.A), Answer(Status.NONE))


class NameTests(SynchronousTestCase):
    """What a name is."""

    def test_names(self) -> None:
        """Letters, digits, hyphens and underscores; lower case, no dot at the end."""
        self.assertEqual(plain_name("_SIP._udp.A-1.Example."), "_sip._udp.a-1.example")
        self.assertEqual(plain_name("a" * 63), "a" * 63)

    def test_no_names(self) -> None:
        """Everything else is none."""
        for text in (
            "",
            ".",
            "a..b",
            ".a",
            "a" * 64,
            "a." * 127 + "a",
            "a b",
            "a\r\nb",
            "a\x00b",
            "a/b",
            "\N{LATIN SMALL LETTER U WITH DIAERESIS}.example",
            "a\n",
        ):
            self.assertIsNone(plain_name(text), text)
