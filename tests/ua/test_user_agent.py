"""Where an endpoint with real sockets listens."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.ua import user_agent
from sipuac.ua.user_agent import SocketSettings


class ListenersTests(SynchronousTestCase):
    """The listeners of those who say so, and of those who do not."""

    def interfaces(self, *, has_ipv6: bool = True, **settings: object) -> list[str]:
        """Where it listens for UDP."""
        self.patch(user_agent, "can_listen_on_ipv6", lambda: has_ipv6)
        made = SocketSettings(**settings)  # type: ignore[arg-type]  # the test's
        return [one.interface for one in made.listeners if one.transport == "UDP"]

    def test_everywhere(self) -> None:
        """Whoever names no address can call over IPv4 and over IPv6 (3261-18-a)."""
        self.assertEqual(self.interfaces(), ["", "::"])

    def test_no_ipv6(self) -> None:
        """A machine without IPv6 calls over IPv4."""
        self.assertEqual(self.interfaces(has_ipv6=False), [""])

    def test_as_told(self) -> None:
        """Whoever names an address listens there and nowhere else."""
        self.assertEqual(self.interfaces(bind="192.0.2.1"), ["192.0.2.1"])
        self.assertEqual(self.interfaces(listen=["udp:5060"]), [""])

    def test_preference(self) -> None:
        """A name that has addresses of both families is called over IPv4, unless IPv6
        was asked for.
        """
        self.patch(user_agent, "can_listen_on_ipv6", lambda: True)
        self.patch(user_agent, "local_address_toward", lambda host: host)
        for settings, expected in (
            (SocketSettings(), ("127.0.0.1", None)),
            (SocketSettings(bind="::"), ("127.0.0.1", "::1")),
        ):
            found = tuple(
                settings._source_toward(host) for host in ("127.0.0.1", "::1")
            )
            self.assertEqual(found, expected)
