"""The rules of RFC 3263 and RFC 2782, without any lookup."""

from __future__ import annotations

from collections import Counter
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from sipuac.resolver.rules import (
    Naptr,
    Service,
    Srv,
    ordered_targets,
    services_by_naptr,
    services_by_rule,
)


def pointer(
    service: str,
    order: int = 10,
    preference: int = 10,
    *,
    flags: str = "s",
    regexp: str = "",
    replacement: str | None = None,
) -> Naptr:
    """A NAPTR record that is fit for use, unless it is changed."""
    if replacement is None:
        replacement = f"{service}.example".lower()
    return Naptr(order, preference, flags, service, regexp, replacement)


class NaptrTests(SynchronousTestCase):
    """Which services NAPTR records name."""

    def transports(self, *records: Naptr, is_secure: bool = False) -> list[list[str]]:
        """The transports, group by group."""
        groups = services_by_naptr(records, is_secure=is_secure)
        return [[service.transport for service in group] for group in groups]

    def test_services_that_we_have(self) -> None:
        """A client MUST discard any service fields that identify a resolution service
        whose value is not "D2X", for transports supported by the client (3263-4.1-b).
        """
        unknown = ("SIP+D2S", "SIPS+D2S", "SIP+D2W", "SIPS+D2U", "E2U+sip", "SIP", "")
        self.assertEqual(self.transports(*map(pointer, unknown)), [])
        known = ("SIP+D2U", "SIP+D2T", "SIPS+D2T")
        self.assertEqual(self.transports(*map(pointer, known)), [["UDP", "TCP", "TLS"]])

    def test_case(self) -> None:
        """Flags and services are compared without regard to case."""
        self.assertEqual(self.transports(pointer("sips+d2t", flags="S")), [["TLS"]])

    def test_sips(self) -> None:
        """A client resolving a SIPS URI MUST discard any services that do not contain
        "SIPS" (3263-4.1-b).
        """
        records = map(pointer, ("SIP+D2U", "SIP+D2T", "SIPS+D2T"))
        self.assertEqual(self.transports(*records, is_secure=True), [["TLS"]])

    def test_unfit_records(self) -> None:
        """The record will contain an empty regular expression and a replacement value
        which is the SRV record: the flag is "s" (3263-4.1-b).
        """
        for unfit in (
            pointer("SIP+D2U", flags="u"),
            pointer("SIP+D2U", flags="a"),
            pointer("SIP+D2U", flags=""),
            pointer("SIP+D2U", regexp="!^.*$!sip:b@example.com!"),
            pointer("SIP+D2U", replacement=""),
        ):
            self.assertEqual(self.transports(unfit), [])

    def test_order_and_preference(self) -> None:
        """Low orders come first, and low preferences within an order."""
        records = [
            pointer("SIP+D2U", 20, 1),
            pointer("SIPS+D2T", 10, 20),
            pointer("SIP+D2T", 10, 10),
            pointer("SIP+D2S", 5, 1),
        ]
        self.assertEqual(self.transports(*records), [["TCP", "TLS"], ["UDP"]])

    def test_repeated_records(self) -> None:
        """A service that is named twice counts once."""
        records = [pointer("SIP+D2U"), pointer("SIP+D2U", 10, 20)]
        self.assertEqual(self.transports(*records), [["UDP"]])


class ServiceTests(SynchronousTestCase):
    """Which services there may be without NAPTR records."""

    def test_names(self) -> None:
        """The names to ask for SRV records (3263-4.1-c, 3263-4.2-a)."""
        names = ["_sip._udp.a.example", "_sip._tcp.a.example", "_sips._tcp.a.example"]
        transports = ["UDP", "TCP", "TLS"]
        services = [Service(*both) for both in zip(transports, names, strict=True)]
        self.assertEqual(services_by_rule("a.example", None, is_secure=False), services)
        self.assertEqual(
            services_by_rule("a.example", None, is_secure=True), services[2:]
        )
        for service in services:
            found = services_by_rule("a.example", service.transport, is_secure=False)
            self.assertEqual(found, [service])


class TargetTests(SynchronousTestCase):
    """In which order the targets are tried."""

    def order(self, *records: Srv, picked: int = 0) -> list[str]:
        """The targets in order, if chance always says `picked`."""
        ordered = ordered_targets(records, lambda highest: min(picked, highest))
        return [record.target for record in ordered]

    def test_priority(self) -> None:
        """A client MUST attempt to contact the target host with the lowest-numbered
        priority first (3263-4.2-b).
        """
        records = [Srv(20, 0, 1, "c"), Srv(0, 0, 1, "a"), Srv(10, 65535, 1, "b")]
        for picked in (0, 65535):
            self.assertEqual(self.order(*records, picked=picked), ["a", "b", "c"])

    def test_running_sum(self) -> None:
        """Select the RR whose running sum value is the first in the selected order
        which is greater than or equal to the random number selected (3263-4.2-b).
        """
        records = [Srv(0, 1, 1, "a"), Srv(0, 3, 1, "b"), Srv(0, 6, 1, "c")]
        for picked, first in ((0, "a"), (1, "a"), (2, "b"), (4, "b"), (5, "c")):
            self.assertEqual(self.order(*records, picked=picked)[0], first)
        self.assertEqual(self.order(*records, picked=10), ["c", "b", "a"])

    def test_weight_0(self) -> None:
        """Those with weight 0 are placed at the beginning of the list, and have a very
        small chance of being selected (3263-4.2-b).
        """
        records = [Srv(0, 9, 1, "heavy"), Srv(0, 0, 1, "light")]
        self.assertEqual(self.order(*records, picked=0), ["light", "heavy"])
        self.assertEqual(self.order(*records, picked=1), ["heavy", "light"])

    def test_what_chance_is_asked(self) -> None:
        """Choose a uniform random number between 0 and the sum computed (inclusive),
        anew for each place (3263-4.2-b).
        """
        asked: list[int] = []

        def pick(highest: int) -> int:
            asked.append(highest)
            return highest

        records = [Srv(0, 1, 1, "a"), Srv(0, 3, 1, "b"), Srv(1, 6, 1, "c")]
        ordered_targets(records, pick)
        self.assertEqual(asked, [4, 1, 6])

    def test_shares(self) -> None:
        """Larger weights SHOULD be given a proportionately higher probability of being
        selected (3263-4.2-b).
        """
        chance = Random(3263)
        records = [Srv(0, 10, 1, "a"), Srv(0, 30, 1, "b"), Srv(0, 60, 1, "c")]
        first = Counter(
            ordered_targets(records, lambda highest: chance.randint(0, highest))[0]
            for _ in range(2000)
        )
        shares = [first[record] / 2000 for record in records]
        for share, expected in zip(shares, (0.1, 0.3, 0.6), strict=True):
            self.assertApproximates(share, expected, 0.04)

    def test_targets_that_lead_nowhere(self) -> None:
        """Without a target, or with port 0, there is no server."""
        records = [Srv(0, 0, 5060, ""), Srv(0, 0, 0, "a"), Srv(0, 0, 5060, "b")]
        self.assertEqual(self.order(*records), ["b"])
