"""The kinds of calls of the soak, and what each of them must come to."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, inlineCallbacks
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from sipuac.dialog.session_state import SessionState
from sipuac.errors import Busy, Cancelled
from sipuac.service.inviter_service import InviterService
from sipuac.ua.invitation import Invitation
from sipuac.ua.session import Session

TARGET = "sip:{}@soak.invalid"

# Seconds after which a phone that was to hang up has not.
_PATIENCE = 75.0


class Unexpected(Exception):
    """A call came to something else than it should."""


class Calls:
    """Places one call of a kind and sees it through.

    Args:
        service: Places it.
        clock: The only source of time.
        seed: Of what a kind leaves to chance.
        t1: Seconds: all pauses are as much shorter as this is than the usual 0.5.
    """

    def __init__(
        self, service: InviterService, clock: Any, seed: int, t1: float = 0.5
    ) -> None:
        self._service = service
        self._clock = clock
        self._chance = random.Random(seed)
        self._pace = t1 / 0.5
        self.kinds: dict[str, Callable[[Invitation], Awaitable[None]]] = {
            "plain": self._plain,
            "held": self._held,
            "forked": self._forked,
            "early": self._early,
            "cancelled": self._cancelled,
            "callee": self._callee,
            "busy": self._busy,
        }
        self.weights = {"plain": 40, "held": 10, "forked": 10, "early": 15}
        self.weights |= {"cancelled": 10, "callee": 10, "busy": 5}

    def any_kind(self) -> str:
        """A kind by chance, each as often as its weight says."""
        return self._chance.choices(list(self.weights), [*self.weights.values()])[0]

    def place(self, kind: str) -> Deferred[Invitation]:
        """Send the INVITE of such a call."""
        return self._service.invite(
            TARGET.format(kind), early_media=kind == "early", answer_timeout=60.0
        )

    async def see_through(self, kind: str, invitation: Invitation) -> None:
        """Do what belongs to such a call, up to its end.

        Raises:
            SipError: The call failed.
            Unexpected: It came to something else than it should.
        """
        await self.kinds[kind](invitation)

    async def _plain(self, invitation: Invitation) -> None:
        session = await invitation.established
        await self._hang_up(session)

    async def _held(self, invitation: Invitation) -> None:
        session = await invitation.established
        await self._pause(1.0, 8.0)
        await session.hold()
        if not session.is_held:
            raise Unexpected("not held")
        await self._pause(1.0, 4.0)
        await session.resume()
        response = await session.request(
            "INFO", [("Content-Type", "text/plain")], b"still here"
        )
        if response.status != 200:
            raise Unexpected(f"INFO got {response.status}")
        await self._pause(0.0, 8.0)
        await self._hang_up(session)

    async def _forked(self, invitation: Invitation) -> None:
        session = await invitation.established
        # The other branch has answered as well by then.
        await self._pause(1.0, 3.0)
        await self._hang_up(session)

    async def _early(self, invitation: Invitation) -> None:
        session = await invitation.established
        if not any(one.body.event == "early-media" for one in invitation.events):
            raise Unexpected("no early media")
        await self._hang_up(session)

    async def _cancelled(self, invitation: Invitation) -> None:
        await self._pause(0.0, 1.5)
        invitation.cancel()
        try:
            await invitation.established
        except Cancelled:
            return
        raise Unexpected("answered")

    async def _callee(self, invitation: Invitation) -> None:
        session = await invitation.established
        ended = session.ended.addTimeout(_PATIENCE, self._clock)
        if (await ended).by != "remote":
            raise Unexpected("not ended by the callee")

    async def _busy(self, invitation: Invitation) -> None:
        try:
            await invitation.established
        except Busy:
            return
        raise Unexpected("answered")

    async def _hang_up(self, session: Session) -> None:
        ended = await session.bye()
        if ended.by != "local":
            raise Unexpected(f"ended by {ended.by}")

    async def _pause(self, least: float, most: float) -> None:
        await deferLater(self._clock, self._pace * self._chance.uniform(least, most))


class Standing:
    """Calls that stand through the whole soak and are held, resumed and asked.

    Args:
        service: Places them.
        clock: The only source of time.
        failed: Told of whatever goes wrong with one.
    """

    def __init__(
        self,
        service: InviterService,
        clock: Any,
        failed: Callable[[str, str, Failure], None],
    ) -> None:
        self._service = service
        self._clock = clock
        self._failed = failed
        self._sessions: list[Session] = []
        self._going: list[Deferred[None]] = []
        self._is_stopping = False
        self.rounds = 0

    @inlineCallbacks
    def start(self, calls: int) -> Any:
        """Place so many."""
        for _ in range(calls):
            session: Session = yield self._service.call(
                TARGET.format("standing"), session_expires=90
            )
            self._sessions.append(session)
            self._go_on(session)

    def _go_on(self, session: Session) -> None:
        going = Deferred.fromCoroutine(self._rounds(session))

        def failed(failure: Failure) -> None:
            self._failed("standing", session.call_id, failure)

        self._going.append(going.addErrback(failed))

    async def _rounds(self, session: Session) -> None:
        while not self._is_stopping:
            await deferLater(self._clock, 20.0)
            if self._is_stopping:
                return
            if session.state != SessionState.ESTABLISHED.value:
                raise Unexpected(f"{session.state}, but should stand")
            await session.hold()
            await session.resume()
            response = await session.request(
                "INFO", [("Content-Type", "text/plain")], b"still here"
            )
            if response.status != 200:
                raise Unexpected(f"INFO got {response.status}")
            self.rounds += 1

    @inlineCallbacks
    def stop(self) -> Any:
        """Hang all of them up."""
        self._is_stopping = True
        yield DeferredList(self._going)
        for session in self._sessions:
            ended = yield session.bye()
            if ended.by != "local":
                error = Unexpected(f"ended by {ended.by}")
                self._failed("standing", session.call_id, Failure(error))
