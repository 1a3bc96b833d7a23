"""The options of the console script and of its commands."""

from __future__ import annotations

import getopt
from collections.abc import Sequence
from typing import Any, ClassVar

from twisted.python import usage

from sipuac._version import __version__
from sipuac.service import values
from sipuac.service.options import SharedOptions
from sipuac.service.wire_options import WireOptions, refused_for
from sipuac.ua.registration_options import registration_options


class CallOptions(SharedOptions):
    """Options of `sipuac call`."""

    synopsis = "[options] TARGET"
    longdesc = (
        "Calls TARGET (a sip:, sips: or tel: URI) and stays until the call is over. "
        "Ctrl-C cancels the call or hangs up; a second one leaves at once. "
        "Exit status: 0 the call ended as it should, 1 another failure, 2 usage, "
        "3 busy, 4 no answer, 5 declined or another final response, 6 unreachable, "
        "7 the INVITE forked, 8 media, 130 after Ctrl-C."
    )
    # fmt: off
    optParameters = [
        ["bind", None, None,
         "ADDRESS to place the call from (default: all addresses)"],
        ["duration", None, None,
         "SECONDS after the answer to hang up (default: when the callee does)"],
        ["cancel-after", None, None,
         "SECONDS after which the call is cancelled if nobody has answered"],
    ]
    optFlags = [
        ["json", None, "Print events as JSON, one object a line, and nothing else"],
        ["ladder", None, "Draw the messages (on standard error with --json)"],
    ]
    # fmt: on

    def __init__(self) -> None:
        super().__init__()
        self["headers"] = []

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Read the arguments; unlike Twisted's, options may follow the target."""
        if options is not None:
            options = options_first(self, list(options))
        super().parseOptions(options)  # type: ignore[no-untyped-call]  # Twisted

    def parseArgs(self, target: str | None = None, *others: str) -> None:
        """There is one argument: who is called (see `usage.Options`)."""
        self["target"] = one_target(target, others, "call")

    def opt_header(self, text: str) -> None:
        """'Name: value' to add to the INVITE; may be given several times."""
        self["headers"].append(values.header(text))

    def postOptions(self) -> None:
        """Check and convert what was given (see `usage.Options`)."""
        if self["bind"] is not None:
            self["bind"] = values.address("bind", self["bind"])
        super().postOptions()
        values.target(self["target"], has_proxy=self["proxy"] is not None)
        for name in ("duration", "cancel-after"):
            if self[name] is not None:
                self[name] = values.seconds(name, self[name])


class RegisterOptions(WireOptions):
    """Options of `sipuac register`."""

    synopsis = "--from URI [options]"
    longdesc = (
        "Registers the URI of --from, refreshes, and removes the binding at the end: "
        "after --duration, or at Ctrl-C. Exit status: 0 it was registered, 2 usage, "
        "5 refused, 6 unreachable, 130 after Ctrl-C."
    )
    # fmt: off
    optParameters = [
        ["bind", None, None,
         "ADDRESS to register from (default: all addresses)"],
        ["registrar", None, None,
         "URI of the registrar (default: the domain of --from, at its port)"],
        ["expires", None, "3600",
         "SECONDS that the binding is to last"],
        ["duration", None, None,
         "SECONDS to stay registered (default: until Ctrl-C)"],
        ["instance", None, None,
         "URN of this device, such as urn:uuid:..., the same at every start"],
        ["reg-id", None, None,
         "NUMBER of this flow: asks for outbound (RFC 5626), with --instance"],
    ]
    optFlags = [
        ["json", None, "Print events as JSON, one object a line, and nothing else"],
        ["retry", None, "Go on where the first attempt fails"],
    ]
    # fmt: on

    def __init__(self) -> None:
        super().__init__()
        self["contacts"] = []

    def parseArgs(self, *others: str) -> None:
        """There is none (see `usage.Options`)."""
        if others:
            raise usage.UsageError(f"what to register goes after --from: {others[0]!r}")

    def opt_contact(self, text: str) -> None:
        """URI to register beside our own; may be given several times."""
        self["contacts"].append(text)

    def postOptions(self) -> None:
        """Check and convert what was given (see `usage.Options`)."""
        if self["from"] is None:
            raise usage.UsageError("--from is missing: the URI to register")
        if self["bind"] is not None:
            self["bind"] = values.address("bind", self["bind"])
        super().postOptions()
        if self["duration"] is not None:
            self["duration"] = values.seconds("duration", self["duration"])
        for name in ("expires", "reg-id"):
            if self[name] is not None:
                self[name] = values.number(name, self[name])
        with refused_for("register"):
            registration_options(self["from"], **self.registration_arguments())

    def registration_arguments(self) -> dict[str, Any]:
        """Keyword arguments of `RegistererService`, Any as they are of many types."""
        return {
            "registrar": self["registrar"],
            "contacts": tuple(self["contacts"]),
            "expires": self["expires"],
            "instance": self["instance"],
            "reg_id": self["reg-id"],
        }


class QueryOptions(WireOptions):
    """Options of `sipuac options`."""

    synopsis = "[options] TARGET"
    longdesc = (
        "Asks TARGET (a sip: or sips: URI) who is there and what it can: transport, "
        "verdict on the certificate, answer. Exit status: 0 a 2xx came, 2 usage, "
        "3 busy, 4 no answer, 5 another answer, 6 unreachable, 130 after Ctrl-C."
    )
    # fmt: off
    optParameters = [
        ["bind", None, None,
         "ADDRESS to ask from (default: all addresses)"],
    ]
    optFlags = [
        ["json", None, "Print the answer as one JSON object, and nothing else"],
    ]
    # fmt: on

    def parseArgs(self, target: str | None = None, *others: str) -> None:
        """There is one argument: who is asked (see `usage.Options`)."""
        self["target"] = one_target(target, others, "ask")

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Read the arguments; unlike Twisted's, options may follow the target."""
        if options is not None:
            options = options_first(self, list(options))
        super().parseOptions(options)  # type: ignore[no-untyped-call]  # Twisted

    def postOptions(self) -> None:
        """Check and convert what was given (see `usage.Options`)."""
        if self["bind"] is not None:
            self["bind"] = values.address("bind", self["bind"])
        super().postOptions()
        values.target(self["target"], has_proxy=self["proxy"] is not None)


def one_target(target: str | None, others: Sequence[str], act: str) -> str:
    """The one argument of a command.

    Raises:
        UsageError: There is none, or there are more.
    """
    if target is None:
        raise usage.UsageError(f"TARGET is missing: the URI to {act}")
    if others:
        raise usage.UsageError(f"one TARGET only, not {others[0]!r} as well")
    return target


def options_first(options: usage.Options, arguments: list[str]) -> list[str]:
    """The arguments with all options before the target, as Twisted wants them."""
    try:
        found, others = getopt.gnu_getopt(arguments, options.shortOpt, options.longOpt)
    except getopt.error as error:
        raise usage.UsageError(str(error)) from None
    first: list[str] = []
    for name, value in found:
        takes_value = f"{name[2:]}=" in options.longOpt
        first.append(f"{name}={value}" if takes_value else name)
    return [*first, "--", *others]


class DemoOptions(usage.Options):
    """Options of `sipuac demo`."""

    synopsis = "[options]"
    longdesc = (
        "Places a call with early media through an embedded proxy that forks it to "
        "three embedded phones, all on loopback sockets; draws what went over the "
        "wire, says what was cancelled, and ends. Needs no server and no network."
    )
    optFlags: ClassVar = [
        [
            "offerless",
            None,
            "Let the phones make the offers: media of its own for each",
        ],
    ]


class Options(usage.Options):
    """Options of `sipuac`."""

    longdesc = "Places SIP calls. 'sipuac COMMAND --help' tells the options of each."
    subCommands: ClassVar = [
        ["call", None, CallOptions, "Call somebody, tell what happens, end"],
        ["register", None, RegisterOptions, "Register, and stay so"],
        ["options", None, QueryOptions, "Ask who is there and what it can"],
        ["demo", None, DemoOptions, "See a call that forks; needs no server"],
    ]

    def opt_version(self) -> None:
        """Print the version and exit."""
        print(f"sipuac {__version__}")
        raise SystemExit(0)

    def getSynopsis(self) -> str:
        """The first line of the help; of a command, what stands before it."""
        is_for_command = self.subCommand is not None
        return "Usage: sipuac" if is_for_command else "Usage: sipuac COMMAND [options]"

    def postOptions(self) -> None:
        """There must be a command (see `usage.Options`)."""
        if self.subCommand is None:
            raise usage.UsageError(
                "a command is missing: call, register, options or demo"
            )
