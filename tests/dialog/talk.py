"""A call that stands, for the tests of what changes it."""

from __future__ import annotations

from typing import Any

from sipuac.dialog.dialog_set import DialogSet
from sipuac.dialog.effects import (
    Effect,
    Modified,
    Reply,
    Report,
    RequestDone,
    SendAck,
    SendInDialog,
    SendReInvite,
)
from sipuac.dialog.events import ModificationFailed, SessionModified, SessionRefreshed
from sipuac.dialog.options import InviteOptions
from sipuac.dialog.timers import DialogTimer, media_timer, timer_of
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import SessionNotModified
from sipuac.sdp.description import SessionDescription
from sipuac.syntax.message import Request, Response
from tests.dialog.messages import (
    CALL_ID,
    CONTACT,
    FROM,
    TO,
    VIA,
    DialogCase,
    invite,
    own_request,
    peer_request,
    uri_of,
)

ALLOW = (
    "Allow",
    "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, MESSAGE, NOTIFY",
)
SUPPORTED = ("Supported", "timer")
OUR_CONTACT = ("Contact", CONTACT)
SDP = ("Content-Type", "application/sdp")
NOT_CHANGED = ("Warning", '399 sipuac "The session of this call is not changed"')

RETRY = timer_of(DialogTimer.RETRY, "a")
REPEAT = timer_of(DialogTimer.REPEAT, "a")
ACK_TIMER = timer_of(DialogTimer.ACK, "a")
MEDIA = media_timer("a")
START_MEDIA = StartTimer(MEDIA, 8.0)
STOP_MEDIA = StopTimer(MEDIA)
REPEATING = [StartTimer(REPEAT, 0.5), StartTimer(ACK_TIMER, 32.0)]
STOP_REPEATING = [StopTimer(REPEAT), StopTimer(ACK_TIMER)]


def described(
    port: int, version: int = 1, direction: str | None = None
) -> SessionDescription:
    """A plain audio description."""
    line = "" if direction is None else f"a={direction}\r\n"
    return SessionDescription.parse(
        f"v=0\r\no=- 1 {version} IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\n"
        f"t=0 0\r\nm=audio {port} RTP/AVP 0\r\n{line}"
    )


OURS = described(1000)
THEIRS = described(2000)
NEW = described(2002, 2)
HELD = described(1000, 2, "sendonly")
HOLDING = described(2000, 2, "recvonly")
UPDATE_ALLOWED = (("Allow", "INVITE, ACK, BYE, UPDATE"),)


def limit(number: int) -> str:
    """The timer of a re-INVITE."""
    return timer_of(DialogTimer.REINVITE, number)


def re_invite(
    number: int,
    cseq: int,
    offer: SessionDescription,
    *rows: tuple[str, str],
    **how: Any,
) -> SendReInvite:
    """Our re-INVITE: its number, its CSeq number, what it offers, its session rows."""
    target = how.pop("target", uri_of("a"))
    request = Request(
        "INVITE",
        target,
        [
            ("Max-Forwards", "70"),
            ("From", FROM),
            ("To", f"{TO};tag=a"),
            ("Call-ID", CALL_ID),
            ("CSeq", f"{cseq} INVITE"),
            OUR_CONTACT,
            SUPPORTED,
            ALLOW,
            *rows,
            SDP,
        ],
        offer.render(),
    )
    return SendReInvite("a", number, request, request.uri)


def update(number: int, cseq: int, *rows: tuple[str, str]) -> SendInDialog:
    """Our UPDATE without an offer."""
    request = own_request("UPDATE", "a", cseq, headers=(ALLOW, *rows))
    return SendInDialog("a", number, request, request.uri)


def ack_of(
    cseq: int, target: str | None = None, number: int | None = None
) -> list[Effect]:
    """The ACK of the 2xx to our re-INVITE with this CSeq number, and how long that 2xx
    may come again. The number of the re-INVITE is by default one less.
    """
    request = own_request("ACK", "a", cseq, target=target)
    ack = SendAck("a", request, request.uri, cseq)
    return [ack, StartTimer(limit(number or cseq - 1), 32.0)]


def told(
    local: SessionDescription,
    remote: SessionDescription,
    by: str = "local",
    method: str = "INVITE",
    *,
    is_held: bool = False,
) -> list[Effect]:
    """The session has changed."""
    return [
        Modified("a", local, remote, is_held),
        Report(SessionModified("a", by, method, str(local), str(remote))),
    ]


def refreshed(
    by: str = "local",
    method: str = "INVITE",
    interval: int | None = None,
    local: SessionDescription = OURS,
    remote: SessionDescription = THEIRS,
) -> list[Effect]:
    """The session goes on unchanged."""
    event = Report(SessionRefreshed("a", by, method, interval))
    if method == "UPDATE":
        return [event]
    return [Modified("a", local, remote, False), event]


class TalkCase(DialogCase):
    """Tests of a call with phone "a" that stands: the ports are 1000 and 2000.

    Random numbers are 0: the first wait after a 491 is 2.1 s, Retry-After is 0.
    """

    def setUp(self) -> None:
        """Call, without session timer."""
        self.call()

    def call(
        self,
        *headers: tuple[str, str],
        answer: tuple[tuple[str, str], ...] = (),
        **options: Any,
    ) -> DialogSet:
        """Call with these fields in the INVITE, and others in its 2xx."""
        self.set = DialogSet(invite(*headers), InviteOptions(**options), lambda: 0.0)
        self.set.sent()
        self.said = self.receive(200, "a", port=2000, headers=answer)[0]
        self.set.media_applied("a")
        return self.set

    # Ours

    def ask(self, token: int = 1, is_held: bool | None = None) -> list[Effect]:
        """The application wants another session."""
        return self.set.modify("a", token, is_held)

    def offered(self, port: int = 1000, direction: str | None = None) -> list[Effect]:
        """The media makes this offer."""
        return self.set.offer_made("a", described(port, 1, direction))

    def answered(  # type: ignore[override]  # of a re-INVITE, not of the INVITE
        self,
        number: int,
        status: int,
        description: SessionDescription | None = None,
        *headers: tuple[str, str],
        cseq: int = 2,
        contact: str | None = None,
    ) -> list[Effect]:
        """A response comes to our re-INVITE."""
        said = self.response_to_invite(status, description, *headers, cseq=cseq)
        if contact is not None:
            said = said.with_headers([("Contact", contact)])
        return self.set.reinvite_response(number, said)

    def response_to_invite(
        self,
        status: int,
        description: SessionDescription | None = None,
        *headers: tuple[str, str],
        cseq: int = 2,
    ) -> Response:
        """A response to a re-INVITE of ours."""
        rows = [("Via", VIA), ("From", FROM), ("To", f"{TO};tag=a")]
        rows += [("Call-ID", CALL_ID), ("CSeq", f"{cseq} INVITE"), *headers]
        if description is None:
            return Response(status, None, rows)
        return Response(status, None, [*rows, SDP], description.render())

    # Theirs

    def comes(
        self,
        method: str,
        number: int = 1,
        offer: SessionDescription | bytes | None = None,
        *headers: tuple[str, str],
    ) -> tuple[Request, list[Effect]]:
        """A request of the phone, with an offer or another body."""
        body = offer.render() if isinstance(offer, SessionDescription) else offer or b""
        if isinstance(offer, SessionDescription):
            headers = (*headers, SDP)
        bare = peer_request(method, "a", number, headers)
        request = Request(method, "sip:me@me.example", bare.header_items(), body)
        return request, self.set.request_received(request)

    def status_of(self, effects: list[Effect]) -> int:
        """How a request is answered."""
        (reply,) = self.of_kind(effects, Reply)
        return reply.response.status

    def retry_after(self, effects: list[Effect]) -> str | None:
        """The Retry-After of that answer."""
        (reply,) = self.of_kind(effects, Reply)
        return reply.response.get("Retry-After")

    def accepted(
        self,
        request: Request,
        description: SessionDescription | None = None,
        *rows: tuple[str, str],
    ) -> Reply:
        """Our 2xx to the phone's INVITE or UPDATE."""
        copied = ("Via", "From", "To", "Call-ID", "CSeq")
        fields = [row for row in request.header_items() if row[0] in copied]
        fields += [OUR_CONTACT, ALLOW, SUPPORTED, *rows]
        if description is None:
            return Reply(request, Response(200, None, fields))
        body = description.render()
        return Reply(request, Response(200, None, [*fields, SDP], body))

    # What comes of it

    def failure_of(self, effects: list[Effect]) -> SessionNotModified:
        """The failure that the application gets."""
        (done,) = self.of_kind(effects, RequestDone)
        assert isinstance(done.result, SessionNotModified)
        return done.result

    def failed(self, effects: list[Effect]) -> ModificationFailed:
        """The event of a modification that failed."""
        (event,) = self.events(effects, ModificationFailed)
        assert isinstance(event, ModificationFailed)
        return event

    @property
    def target(self) -> str:
        """Where the next request goes."""
        return str(self.set.branches["a"].dialog.remote_target)
