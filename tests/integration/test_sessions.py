"""What happens inside a call: all over UDP, and the changes over TLS too."""

from __future__ import annotations

from tests.integration import (
    callee_changes,
    caller_changes,
    session_scenarios,
    session_timers,
)


class UdpSessionTests(session_scenarios.SessionScenarios):
    """Lost ACKs, over UDP."""


class UdpCalleeChangeTests(callee_changes.CalleeChangeScenarios):
    """The callee changes the session, over UDP."""


class UdpCallerChangeTests(caller_changes.CallerChangeScenarios):
    """We change the session, over UDP."""


class UdpSessionTimerTests(session_timers.SessionTimerScenarios):
    """Session timers, over UDP."""


class TlsCalleeChangeTests(callee_changes.CalleeChangeScenarios):
    """The callee changes the session, over TLS: on the connection that we opened."""

    transport = "TLS"


class TlsCallerChangeTests(caller_changes.CallerChangeScenarios):
    """We change the session, over TLS."""

    transport = "TLS"
