"""Messages and effects for the tests of this folder, written out and not computed.

The caller is `me`; the phones are named by their To tags: phone "a" has the Contact
`sip:a@a.example`. What a test expects is built here from the RFC's words, without the
code under test.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog.dialog_set import DialogSet
from sipuac.dialog.effects import (
    ApplyAnswer,
    CloseMedia,
    Effect,
    FailInvite,
    Progress,
    Reply,
    Report,
    SendAck,
    SendInDialog,
    Take,
)
from sipuac.dialog.events import Answered, Event, Forked, Provisional
from sipuac.dialog.fork_policy import CancelExtras
from sipuac.dialog.options import InviteOptions
from sipuac.dialog.timers import DialogTimer
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import SipError
from sipuac.sdp.description import SessionDescription
from sipuac.syntax.message import Request, Response
from sipuac.syntax.uri import parse_uri

_T = TypeVar("_T")

Rows = Iterable[tuple[str, str]]

CALL_ID = "call@me.example"
FROM = "Me <sip:me@example.com>;tag=me"
TO = "<sip:bob@example.com>"
CONTACT = "<sip:me@me.example>"
VIA = "SIP/2.0/UDP me.example;branch=z9hG4bK1"


def invite(
    *headers: tuple[str, str],
    uri: str = "sip:bob@example.com",
    is_offerless: bool = False,
) -> Request:
    """An initial INVITE, CSeq 1, by default with an offer."""
    described = () if is_offerless else (("Content-Type", "application/sdp"),)
    return Request(
        "INVITE",
        uri,
        [
            ("Via", VIA),
            ("Max-Forwards", "70"),
            ("From", FROM),
            ("To", f"<{uri}>"),
            ("Call-ID", CALL_ID),
            ("CSeq", "1 INVITE"),
            ("Contact", CONTACT),
            *headers,
            *described,
        ],
        b"" if is_offerless else sdp(1000),
    )


def sdp(port: int) -> bytes:
    """A plain audio description; the port tells one from another."""
    return (
        b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
        b"m=audio %d RTP/AVP 0\r\n" % port
    )


def answer(port: int) -> SessionDescription:
    """The same, parsed."""
    return SessionDescription.parse(sdp(port))


def response(
    status: int,
    tag: str | None = "a",
    *,
    port: int | None = None,
    body: bytes = b"",
    content_type: str = "application/sdp",
    contact: str | None = "default",
    routes: Sequence[str] = (),
    headers: Rows = (),
    reason: str | None = None,
    rseq: int | None = None,
) -> Response:
    """A response of a phone to the INVITE.

    Args:
        status: The status.
        tag: Its To tag.
        port: With a session description of this port; None for none.
        body, content_type: Another body.
        contact: Contact field; by default the phone's own, None for none.
        routes: Record-Route values as they stand in the response.
        headers: More rows.
        reason: The reason phrase; by default the usual one.
        rseq: Sent reliably, with this number (RFC 3262); None: unreliably.
    """
    rows = [
        ("Via", VIA),
        ("From", FROM),
        ("To", TO if tag is None else f"{TO};tag={tag}"),
        ("Call-ID", CALL_ID),
        ("CSeq", "1 INVITE"),
    ]
    if contact == "default":
        contact = None if tag is None or status >= 300 else f"<{uri_of(tag)}>"
    if contact is not None:
        rows.append(("Contact", contact))
    rows += [("Record-Route", route) for route in routes]
    rows += headers
    if rseq is not None:
        rows += [("Require", "100rel"), ("RSeq", str(rseq))]
    if port is not None:
        body = sdp(port)
    if body:
        rows.append(("Content-Type", content_type))
    return Response(status, reason, rows, body)


def uri_of(tag: str) -> str:
    """Where the phone of this tag is."""
    return f"sip:{tag}@{tag}.example"


def peer_request(
    method: str, tag: str = "a", number: int = 1, headers: Rows = (), to_tag: str = "me"
) -> Request:
    """A request of a phone in its dialog."""
    return Request(
        method,
        "sip:me@me.example",
        [
            ("Via", f"SIP/2.0/UDP {tag}.example;branch=z9hG4bK{tag}{number}"),
            ("Max-Forwards", "70"),
            ("From", f"{TO};tag={tag}" if tag else TO),
            ("To", f"Me <sip:me@example.com>;tag={to_tag}"),
            ("Call-ID", CALL_ID),
            ("CSeq", f"{number} {method}"),
            *headers,
        ],
    )


def reply(request: Request, status: int, *headers: tuple[str, str]) -> Reply:
    """Our answer: From, To, Call-ID, CSeq and Via as the request has them."""
    copied = ("Via", "From", "To", "Call-ID", "CSeq")
    rows = [row for row in request.header_items() if row[0] in copied]
    return Reply(request, Response(status, None, [*rows, *headers]))


def own_request(
    method: str,
    tag: str = "a",
    number: int = 2,
    *,
    target: str | None = None,
    routes: Sequence[str] = (),
    headers: Rows = (),
    body: bytes = b"",
) -> Request:
    """A request of ours in the dialog of this phone (RFC 3261 section 12.2.1.1)."""
    rows = [("Route", route) for route in routes]
    rows += [
        ("Max-Forwards", "70"),
        ("From", FROM),
        ("To", f"{TO};tag={tag}" if tag else TO),
        ("Call-ID", CALL_ID),
        ("CSeq", f"{number} {method}"),
    ]
    if method == "UPDATE":
        rows.append(("Contact", CONTACT))
    if method != "ACK":
        rows.append(("Supported", "timer"))
    rows += headers
    if body:
        rows.append(("Content-Type", "application/sdp"))
    return Request(method, target or uri_of(tag), rows, body)


def because(cause: int, text: str) -> tuple[str, str]:
    """A Reason field."""
    return ("Reason", f'SIP;cause={cause};text="{text}"')


ANOTHER_HAS_MEDIA = because(487, "Another fork has the early media")
ANOTHER_HAS_CALL = because(487, "Another fork has the call")
NOT_WANTED = because(487, "The call is no longer wanted")
NOT_ACCEPTABLE = because(488, "Not acceptable here")
HUNG_UP = because(487, "The caller has hung up")
CALL_FAILED = because(487, "The call has failed")
ENDED_BY_CALLER = because(487, "Ended by the caller")


# Effects


def ack(tag: str = "a", **how: Any) -> SendAck:
    """The ACK of a phone's 2xx, with the CSeq number of the INVITE."""
    request = own_request("ACK", tag, 1, **how)
    return SendAck(tag, request, request.uri)


def bye(
    tag: str,
    at: int,
    reason: tuple[str, str] | None = None,
    number: int = 2,
    **how: Any,
) -> SendInDialog:
    """Our BYE: `at` is its place among all requests in dialogs, `number` its CSeq."""
    headers = () if reason is None else (reason,)
    request = own_request("BYE", tag, number, headers=headers, **how)
    return SendInDialog(tag, at, request, request.uri)


def prack(
    tag: str, at: int, rseq: int = 1, number: int = 2, **how: Any
) -> SendInDialog:
    """Our PRACK of the reliable response with this RSeq; numbers as of `bye`."""
    headers = (("RAck", f"{rseq} 1 INVITE"),)
    request = own_request("PRACK", tag, number, headers=headers, **how)
    return SendInDialog(tag, at, request, request.uri)


def probe(tag: str, at: int, method: str = "UPDATE", number: int = 2) -> SendInDialog:
    """Our probe: UPDATE or OPTIONS without a body."""
    request = own_request(method, tag, number)
    return SendInDialog(tag, at, request, request.uri)


def progress(said: Response, tag: str | None = "a") -> list[Effect]:
    """What every provisional response brings: an event, and a word to the delegate."""
    is_reliable = said.has_token("Require", "100rel")
    event = Provisional(said.status, said.reason, tag, reliable=is_reliable)
    return [Report(event), Progress(said)]


def forked(tag: str, action: str, said: Response | None = None) -> Report:
    """The event of a fork: it names who forked."""
    routes = None if said is None else said.get("Record-Route")
    server = None if said is None else said.get("Server")
    return Report(Forked(tag, action, f"<{uri_of(tag)}>", routes, server))


def accepted() -> list[Effect]:
    """What the first 2xx brings before all else, without a CANCEL before it."""
    return [
        StopTimer(DialogTimer.ANSWER),
        StartTimer(DialogTimer.LINGER, LINGER),
    ]


def taken(said: Response, tag: str = "a") -> list[Effect]:
    """The call is this one."""
    return [Report(Answered(said.status, tag)), Take(tag, said)]


def applied(tag: str, port: int) -> ApplyAnswer:
    """The media gets the answer with this port."""
    return ApplyAnswer(tag, answer(port))


def limited(tag: str = "a") -> StartTimer:
    """The callee has answered: the media has so long to take the answer."""
    return StartTimer(f"media {tag}", 8.0)


def unlimited(tag: str = "a") -> StopTimer:
    """The media is done with it, or has lost it."""
    return StopTimer(f"media {tag}")


def stopped(tag: str = "a") -> list[Effect]:
    """The media of this phone is freed while it works on the answer of the 2xx."""
    return [unlimited(tag), closed(tag)]


LINGER = 32.0


class DialogCase(SynchronousTestCase):
    """Tests of one dialog set, fed by hand."""

    maxDiff = None

    def begin(self, *headers: tuple[str, str], **options: Any) -> DialogSet:
        """A dialog set whose INVITE is sent."""
        asked = InviteOptions(**options)
        asked.check()
        said = invite(*headers, is_offerless=asked.is_offerless)
        self.set = DialogSet(said, asked)
        self.set.sent()
        return self.set

    def early_media(self, **options: Any) -> DialogSet:
        """The same with early media, by default `cancel-extras`."""
        return self.begin(
            **{"has_early_media": True, "policy": CancelExtras(), **options}
        )

    def receive(
        self, status: int, tag: str | None = "a", **how: Any
    ) -> tuple[Response, list[Effect]]:
        """A response comes; what is done about it."""
        said = response(status, tag, **how)
        return said, self.set.response_received(said)

    def answered(self, tag: str = "a", port: int = 2000) -> None:
        """A call stands with this phone."""
        self.receive(200, tag, port=port)
        self.set.media_applied(tag)

    def with_early_media(self, tag: str = "a", port: int = 2000, **how: Any) -> None:
        """Early media runs with this phone, which allows UPDATE."""
        how.setdefault("headers", [("Allow", "INVITE, UPDATE")])
        self.receive(183, tag, port=port, **how)
        self.set.media_applied(tag)

    def answer_request(self, at: int, status: int, **how: Any) -> list[Effect]:
        """A request of ours gets this final response."""
        return self.set.request_finished(at, response(status, **how))

    def events(self, effects: list[Effect], kind: type[Event]) -> list[Event]:
        """The events of one kind among the effects."""
        return [
            effect.event
            for effect in effects
            if isinstance(effect, Report) and isinstance(effect.event, kind)
        ]

    def of_kind(self, effects: list[Effect], *kinds: type[_T]) -> list[_T]:
        """The effects of these kinds, in order."""
        return [effect for effect in effects if isinstance(effect, kinds)]

    def failure(self, effects: list[Effect]) -> SipError:
        """The one failure of the attempt among the effects."""
        (failed,) = self.of_kind(effects, FailInvite)
        return failed.error


def closed(tag: str) -> CloseMedia:
    """The media of this phone is freed."""
    return CloseMedia(tag)


def hop(text: str) -> Any:
    """A next hop."""
    return parse_uri(text)
