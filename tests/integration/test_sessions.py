"""What happens inside a call, over UDP."""

from __future__ import annotations

from tests.integration import session_scenarios


class UdpSessionTests(session_scenarios.SessionScenarios):
    """sipuac speaks UDP with Kamailio."""

    transport = "UDP"
