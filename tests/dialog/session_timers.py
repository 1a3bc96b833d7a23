"""A session timer and what is fed to it."""

from __future__ import annotations

from sipuac.dialog.session_interval import SessionAsk
from sipuac.dialog.session_timer import Effect, Expire, SessionTimer, SessionTimerName
from sipuac.effects import StartTimer, StopTimer
from sipuac.syntax.message import Request, Response

REFRESH = SessionTimerName.REFRESH
EXPIRY = SessionTimerName.EXPIRY
ASK = SessionAsk(1800)
EXPIRED = [StopTimer(REFRESH), Expire(408, "Session expired")]


def accepting(expires: str | None = None, require: bool = True) -> Response:
    """A 2xx with this Session-Expires."""
    rows = [("Require", "timer")] if require else []
    if expires is not None:
        rows.append(("Session-Expires", expires))
    return Response(200, None, rows)


def refusing(status: int, *rows: tuple[str, str]) -> Response:
    """A final response that is no 2xx."""
    return Response(status, None, rows)


def update(*rows: tuple[str, str]) -> Request:
    """An UPDATE of a peer that knows the timer."""
    return Request("UPDATE", "sip:a@b", [("Supported", "timer"), *rows])


def started(
    expires: str | None = "1800;refresher=uac", ask: SessionAsk = ASK
) -> SessionTimer:
    """A session timer after the 2xx to the INVITE."""
    timer = SessionTimer(ask)
    timer.accepted(accepting(expires))
    return timer


def refreshing(ask: SessionAsk = ASK) -> SessionTimer:
    """A session timer whose refresh is on its way."""
    timer = started(ask=ask)
    timer.fire(REFRESH)
    return timer


def plan(interval: float) -> list[Effect]:
    """What one who refreshes does after a 2xx."""
    return [StartTimer(REFRESH, interval / 2), StartTimer(EXPIRY, float(interval))]
