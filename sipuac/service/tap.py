"""`twistd sipuac`: the options of the service, and the service that they make.

The reactor is imported when the service is made and not before: `twistd --reactor` has
chosen it by then.
"""

from __future__ import annotations

from typing import Any

from twisted.application.internet import StreamServerEndpointService
from twisted.application.service import IService
from twisted.internet.endpoints import serverFromString
from twisted.python import usage

from sipuac.service import values
from sipuac.service.calls import Calls
from sipuac.service.control import control_site
from sipuac.service.demo import DemoService
from sipuac.service.http_endpoint import checked_http_endpoint
from sipuac.service.inviter_service import InviterService
from sipuac.service.options import SharedOptions
from sipuac.service.requests import InviteOptions
from sipuac.service.root import RootService, StopSignals
from sipuac.service.wire_options import refused_for
from sipuac.ua.user_agent import SocketSettings

EARLY_MEDIA_POLICIES = ("cancel-extras", "adopt", "follow", "collect", "fail")


class Options(SharedOptions):
    """Options of `twistd sipuac`."""

    synopsis = "[options]"
    longdesc = (
        "A SIP user agent that originates calls, asked for over HTTP. "
        "With --demo it needs no SIP server: an embedded proxy forks each call to "
        "three embedded phones."
    )
    # fmt: off
    optParameters = [
        ["http", None, None,
         "ENDPOINT of the control API, such as tcp:8080 (on 127.0.0.1 unless it names "
         "an interface) or unix:/run/sipuac.sock"],
        ["rate", None, None,
         "CALLS that leave in a second at most, evenly; more wait for their turn "
         "(default: no limit while there is no overload)"],
        ["drain", None, "10",
         "SECONDS that stopping may take to CANCEL and BYE what is left"],
    ]
    optFlags = [
        ["demo", None, "Start a forking proxy and three phones on loopback, to call"],
    ]
    # fmt: on

    def __init__(self) -> None:
        super().__init__()
        self["listeners"] = []

    def opt_listen(self, endpoint: str) -> None:
        """ENDPOINT for SIP, as udp:5060:interface=192.0.2.1; may be repeated."""
        with refused_for("--listen"):
            for listener in SocketSettings(listen=[endpoint]).listeners:
                if listener.certificate is not None:
                    listener.certificate.server_context()
        self["listeners"].append(endpoint)

    def postOptions(self) -> None:
        """Check and convert what was given (see `usage.Options`)."""
        super().postOptions()
        self["drain"] = values.seconds("drain", self["drain"])
        if self["rate"] is not None:
            self["rate"] = values.rate("rate", self["rate"])
        if self["http"] is not None:
            self["http"] = checked_http_endpoint(self["http"])
        if self["demo"] and self["proxy"] is not None:
            raise usage.UsageError("--demo brings its own proxy: not with --proxy")
        if self["on-fork"] in EARLY_MEDIA_POLICIES and not self["early-media"]:
            raise usage.UsageError(
                f"--on-fork {self['on-fork']} has a meaning with --early-media only"
            )

    def inviter_arguments(self) -> dict[str, Any]:
        """See `SharedOptions`."""
        return {
            **super().inviter_arguments(),
            "listen": self["listeners"],
            "drain": self["drain"],
            "rate": self["rate"],
        }


def makeService(options: Options) -> IService:
    """The service that the options ask for.

    Returns:
        A `MultiService` with the children `signals`, `http` (where asked for) and
        `inviter`.
    """
    from twisted.internet import reactor

    return make_service(options, reactor)


def make_service(options: Options, reactor: Any) -> RootService:
    """As `makeService`, on this reactor; Any, as it provides many interfaces."""
    root = RootService()
    inviter = _make_inviter(options, reactor)
    signals = StopSignals(reactor, root, inviter.reload_certificates)
    signals.setName("signals")  # type: ignore[no-untyped-call]  # Twisted
    signals.setServiceParent(root)  # type: ignore[no-untyped-call]  # Twisted
    if options["http"] is not None:
        calls = Calls(inviter.invite, reactor)
        invite_options = InviteOptions(
            options.media_by_kind, options.invite_arguments()
        )
        site = control_site(
            calls,
            invite_options,
            reactor,
            is_draining=lambda: root.is_stopping,
            load=lambda: inviter.load,
        )
        http = StreamServerEndpointService(
            serverFromString(reactor, options["http"]), site
        )
        # A port that is taken ends the start instead of being logged.
        http._raiseSynchronously = True
        http.setName("http")
        http.setServiceParent(root)
    inviter.setName("inviter")  # type: ignore[no-untyped-call]  # Twisted
    inviter.setServiceParent(root)  # type: ignore[no-untyped-call]  # Twisted
    return root


def _make_inviter(options: Options, reactor: Any) -> InviterService | DemoService:
    arguments = options.inviter_arguments()
    if not options["demo"]:
        return InviterService(reactor=reactor, **arguments)
    del arguments["proxy"]
    return DemoService(reactor, arguments)
