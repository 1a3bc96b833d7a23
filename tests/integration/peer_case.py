"""What the tests with real peers have in common."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from twisted.internet.interfaces import IReactorCore, IReactorTime
from twisted.trial.unittest import TestCase

from sipuac.media.interfaces import IMediaFactory
from sipuac.service.inviter_service import InviterService
from tests.integration.baresip import AnswerMode, Baresip
from tests.integration.peers import (
    DOMAIN,
    HOST,
    Callee,
    Kamailio,
    Phone,
    ready,
    require,
    wait_until,
)
from tests.integration.scenarios import Behaviour
from tests.integration.wire_log import LoggedMessage

F = TypeVar("F", bound=BaseException)


class PeerTestCase(TestCase):
    """Starts peers and a service for each test, and ends them with it.

    Attributes:
        transport: What sipuac speaks with Kamailio.
        programs: What must be installed.
    """

    timeout = 40
    transport = "UDP"
    programs: tuple[str, ...] = ("kamailio", "sipp")

    def setUp(self) -> None:
        """Skip without the peers (fail under CI), and make a folder for their files."""
        require(*self.programs)
        # Imported here, as everywhere: the runner has chosen the reactor by now.
        from twisted.internet import reactor

        self.clock = cast(IReactorTime, reactor)
        self.reactor = cast(IReactorCore, reactor)
        self.folder = Path(tempfile.mkdtemp(prefix="sipuac-peers-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.phones: list[Callee] = []

    def phone(self, behaviour: Behaviour, transport: str = "udp") -> Phone:
        """A phone that behaves so, reached from Kamailio over this transport."""
        phone = Phone(behaviour, transport, self.folder / f"phone{len(self.phones)}")
        self.addCleanup(phone.stop)
        self.phones.append(phone)
        return phone

    def baresip(
        self,
        transport: str = "udp",
        answer: AnswerMode = "auto",
        *,
        has_audio: bool = False,
    ) -> Baresip:
        """A baresip, reached from Kamailio over this transport."""
        folder = self.folder / f"phone{len(self.phones)}"
        phone = Baresip(folder, transport, answer, has_audio=has_audio)
        self.addCleanup(phone.stop)
        self.phones.append(phone)
        return phone

    async def start_kamailio(self, certified_domain: str = DOMAIN) -> None:
        """Start Kamailio, and wait until it and the phones can be called."""
        self.kamailio = Kamailio(self.folder / "kamailio", certified_domain)
        self.addCleanup(self.kamailio.stop)
        await ready(self.clock, self.kamailio, *self.phones)

    async def start(
        self, media: IMediaFactory | None = None, **options: Any
    ) -> InviterService:
        """Start Kamailio and the service that calls through it."""
        await self.start_kamailio()
        return self.service(media, **options)

    def service(
        self, media: IMediaFactory | None = None, **options: Any
    ) -> InviterService:
        """The service under test, with Kamailio as its outbound proxy.

        Args:
            media: Its media.
            options: More arguments of it, or other ones.
        """
        arguments = dict(options)
        if "proxy" not in options:
            arguments = {
                "proxy": self.kamailio.uri(self.transport),
                "tls_ca": str(self.kamailio.ca_file),
                **options,
            }
        service = InviterService(
            "sip:caller@example.com",
            reactor=arguments.pop("reactor", self.reactor),
            bind=HOST,
            hosts={DOMAIN: HOST},
            media=media,
            drain=2.0,
            **arguments,
        )
        service.startService()
        self.addCleanup(service.stopService)
        return service

    async def until(self, condition: Callable[[], bool], seconds: float = 8.0) -> None:
        """Wait until the phones' logs say so; fail with the logs if they never do."""
        await wait_until(self.clock, condition, self.transcript, seconds)

    async def failure_of(self, call: Awaitable[object], kind: type[F]) -> F:
        """The failure that this call ends with; any other end fails the test."""
        try:
            result = await call
        except kind as failure:
            return failure
        raise AssertionError(f"no {kind.__name__} but {result}\n{self.transcript()}")

    async def until_acknowledged(self, *phones: Callee) -> None:
        """Wait until each of them has its ACK."""
        await self.until(lambda: all("ACK" in phone.methods() for phone in phones))

    def transcript(self) -> str:
        """What all phones have seen, in words."""
        return "\n".join(phone.transcript() for phone in self.phones)

    def check(self, phone: Callee, *methods: str) -> None:
        """The phone has received exactly these requests, in this order.

        Args:
            phone: The phone.
                methods: Methods; our probe of a live dialog is not counted.
        """
        requests = [
            kind
            for kind in phone.methods()
            if kind not in ("UPDATE", "OPTIONS") and not kind[0].isdigit()
        ]
        self.assertEqual(requests, list(methods), self.transcript())

    def check_no_complaints(self) -> None:
        """No phone got what no phone in its state should get."""
        for phone in self.phones:
            self.assertEqual(phone.complaints, "", self.transcript())


def only(phone: Callee, method: str) -> LoggedMessage:
    """The one request of this method that the phone has received."""
    requests = phone.received(method)
    assert len({(request.cseq, request.get("Via")) for request in requests}) == 1
    return requests[0]
