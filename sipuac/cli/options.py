"""The options of the console script and of its commands."""

from __future__ import annotations

import getopt
from collections.abc import Sequence
from typing import ClassVar

from twisted.python import usage

from sipuac._version import __version__
from sipuac.service import values
from sipuac.service.options import SharedOptions


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
            options = self._options_first(list(options))
        super().parseOptions(options)  # type: ignore[no-untyped-call]  # Twisted

    def parseArgs(self, target: str | None = None, *others: str) -> None:
        """There is one argument: who is called (see `usage.Options`)."""
        if target is None:
            raise usage.UsageError("TARGET is missing: the URI to call")
        if others:
            raise usage.UsageError(f"one TARGET only, not {others[0]!r} as well")
        self["target"] = target

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

    def _options_first(self, arguments: list[str]) -> list[str]:
        try:
            found, others = getopt.gnu_getopt(arguments, self.shortOpt, self.longOpt)
        except getopt.error as error:
            raise usage.UsageError(str(error)) from None
        first: list[str] = []
        for name, value in found:
            takes_value = f"{name[2:]}=" in self.longOpt
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
            raise usage.UsageError("a command is missing: call or demo")
