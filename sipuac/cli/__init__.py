"""The console script: one-shot commands with an exit status, on `task.react`.

The service that runs on is `twistd sipuac` (`sipuac/service/tap.py`).
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)
from twisted.python.usage import UsageError

from sipuac.cli.commands import (
    Refused,
    run_call,
    run_demo,
    run_query,
    run_register,
)
from sipuac.cli.options import Options
from sipuac.cli.status import SIGNAL, USAGE


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command that the arguments name, and exit with its status.

    Args:
        arguments: Without the name of the program; those of the process by default.
    """
    options = Options()  # type: ignore[no-untyped-call]  # Twisted
    try:
        options.parseOptions(list(sys.argv[1:] if arguments is None else arguments))  # type: ignore[no-untyped-call]  # Twisted
    except UsageError as error:
        _exit_for_usage(str(error), options.subCommand)
    except BrokenPipeError:
        # Whoever reads our help has read enough.
        _give_up_broken_output()
        raise SystemExit(0) from None
    _log_to_standard_error()
    try:
        task.react(_run, (options,))
    except KeyboardInterrupt:
        raise SystemExit(SIGNAL + signal.SIGINT) from None


# Any: each takes the options of its own command.
_RUNNERS: dict[str, Any] = {
    "call": run_call,
    "register": run_register,
    "options": run_query,
    "demo": run_demo,
}


async def _run(reactor: Any, options: Options) -> None:
    """Run the command. Any: what a reactor is takes several interfaces to say."""
    command = options.subCommand
    run = _RUNNERS[command or ""]
    # Until it runs, Ctrl-C is Python's own, and would break in anywhere.
    running: Deferred[None] = Deferred()
    reactor.callWhenRunning(running.callback, None)
    await running
    try:
        status = await run(reactor, options.subOptions)
    except Refused as refused:
        _exit_for_usage(str(refused), command)
    _give_up_broken_output()
    raise SystemExit(status)


def _exit_for_usage(message: str, command: str | None) -> NoReturn:
    """One line that says what is wrong, exit status 2."""
    words = ["sipuac", *([command] if command else [])]
    line = " ".join(message.split())
    print(
        f"{' '.join(words)}: {line} (see '{' '.join(words)} --help')", file=sys.stderr
    )
    raise SystemExit(USAGE)


def _log_to_standard_error() -> None:
    """Warnings and worse go where they do not mix with the events."""
    observer = FilteringLogObserver(
        textFileLogObserver(sys.stderr),
        [LogLevelFilterPredicate(defaultLogLevel=LogLevel.warn)],
    )
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)


def _give_up_broken_output() -> None:
    """Keep the interpreter from complaining of a closed pipe when it exits."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
