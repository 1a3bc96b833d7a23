"""What a SIPp phone does inside its dialog: requests of its own, and ours answered.

A script is a line of steps. Each waits for its turn; meanwhile the phone answers what
it would answer anyway.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from tests.integration import sipp_xml as xml

ANSWER, IGNORE = "answer", "ignore"
"""What a waiting phone does about a request, where it is not to go on at a label."""

# The final responses that the phone knows how to go on after.
_REFUSALS = (405, 415, 420, 422, 481, 487, 488, 489, 491, 500, 501)


@dataclass(frozen=True, slots=True)
class Ask:
    """Send a request.

    Attributes:
        method: Its method.
        after: Seconds without any message, after which it is sent.
        direction: Of the stream that it offers; "" for no session description.
        headers: More lines of its head.
        body: Another body than a session description.
        cancel_after: Seconds from the 100 to the CANCEL of an INVITE; None for none.
        acknowledges: Whether a 200 to an INVITE gets its ACK.
    """

    method: str
    after: float = 0.2
    direction: str = ""
    headers: tuple[str, ...] = ()
    body: str = ""
    cancel_after: float | None = None
    acknowledges: bool = True


@dataclass(frozen=True, slots=True)
class Take:
    """Wait for a request of the caller, and answer it.

    Attributes:
        method: Its method.
        status_line: The response.
        direction: Of the stream in the response; "" for no session description.
        headers: More lines of its head.
        ignored_acks: How many ACKs of a 200 the phone overlooks, as if they were lost;
            only over TCP, for over UDP SIPp answers a repeated ACK by itself.
    """

    method: str
    status_line: str = "200 OK"
    direction: str = ""
    headers: tuple[str, ...] = ()
    ignored_acks: int = 0


@dataclass(frozen=True, slots=True)
class Collide:
    """Wait for a re-INVITE, and send one as if both had crossed (RFC 3261 14.1).

    The own one goes first and must be refused; then the other gets its 491.

    Attributes:
        direction: Of the stream that the phone offers.
    """

    direction: str = "sendonly"


Step = Ask | Take | Collide


class StepWriter:
    """Writes scripts as XML.

    Args:
        media_port: The port in the phone's session descriptions.
        codec: The codec in them.
        contact: The phone's Contact line.
        allow: Its Allow line.
    """

    def __init__(self, media_port: int, codec: str, contact: str, allow: str) -> None:
        self._media_port = media_port
        self._codec = codec
        self._contact = contact
        self._allow = allow
        # The 200 of the call was the first description and no request.
        self._versions = count(2)
        self._cseqs = count(1)
        self._names: Iterator[int] = count(1)
        self._has_kept = False

    def script(
        self,
        name: str,
        steps: Sequence[Step],
        choices: Sequence[tuple[str, str]],
        following: str,
    ) -> str:
        """A line of steps.

        Args:
            name: Where it begins, a label.
            steps: The steps.
            choices: Requests that are taken while a step waits, and where each leads;
                or `ANSWER` or `IGNORE`, and then back, as if nothing had been.
            following: Where to go on after the last step.
        """
        parts = []
        places = [f"{name}{'' if n == 0 else n}" for n in range(len(steps))]
        followings = [*places, following][1:]
        for place, after, step in zip(places, followings, steps, strict=True):
            parts.append(self._waiting(place, step, choices))
            parts.append(xml.label(f"{place}_now"))
            match step:
                case Ask():
                    parts.append(self._ask(step, after))
                case Take():
                    parts.append(self._take(step, after))
                case Collide():
                    parts.append(self._collide(step, after))
        return "\n".join(parts)

    def request(
        self,
        method: str,
        cseq: int,
        branch: str,
        headers: Sequence[str] = (),
        body: str = "",
        attributes: str = "",
    ) -> str:
        """A request in the dialog."""
        head = "".join(
            [
                f"{method} [next_url] SIP/2.0\n",
                "Via: SIP/2.0/[transport] [local_ip]:[local_port];",
                f"branch=z9hG4bK-[pid]-[call_number]-{branch}\n",
                "Max-Forwards: 70\n",
                f"From:[$to]{xml.TAG}\n",
                "To:[$from]\n",
                "Call-ID: [call_id]\n",
                f"CSeq: {cseq} {method}\n",
                "[routes]\n",
                self._contact if method in ("INVITE", "UPDATE") else "",
                *(f"{line}\n" for line in headers),
            ]
        )
        return xml.send(head, body, attributes)

    def unused(self) -> str:
        """Names the variables that the scripts have kept and do not read."""
        return xml.unused("again_") if self._has_kept else ""

    def next_cseq(self) -> int:
        """The CSeq number of the phone's next request."""
        return next(self._cseqs)

    def _sdp(self, direction: str) -> str:
        if not direction:
            return ""
        return xml.sdp(self._media_port, self._codec, direction, next(self._versions))

    def _waiting(
        self, place: str, step: Step, choices: Sequence[tuple[str, str]]
    ) -> str:
        """The phone waits for the step's turn."""
        awaited = {Take: getattr(step, "method", ""), Collide: "INVITE"}.get(type(step))
        turn = xml.timeout(step.after, f"{place}_now") if isinstance(step, Ask) else ""
        parts = [xml.label(place)]
        taken = [(m, label) for m, label in choices if m != awaited]
        for number, (method, following) in enumerate(taken):
            labels = {ANSWER: f"{place}_ok", IGNORE: place}
            parts.append(
                xml.recv(
                    method,
                    labels.get(following, following),
                    turn if number == 0 else "",
                    is_last=awaited is None and number == len(taken) - 1,
                )
            )
        if awaited is not None:
            self._has_kept = True
            parts.append(
                f'<recv request="{awaited}" next="{place}_now">'
                f"{xml.keeping('again_')}</recv>"
            )
        parts.append(xml.label(f"{place}_ok"))
        parts.append(self._respond("200 OK", f'next="{place}"'))
        return "\n".join(parts)

    def _respond(self, status_line: str, attributes: str = "") -> str:
        """A response to the request that came last."""
        head = (
            f"SIP/2.0 {status_line}\n"
            "[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\n"
            f"{self._contact}"
        )
        return xml.send(head, attributes=attributes)

    def _respond_again(
        self, status_line: str, headers: Sequence[str], body: str, attributes: str
    ) -> str:
        """A response to the request that was kept."""
        head = (
            f"SIP/2.0 {status_line}\n"
            "[$again_route_and_via]From:[$again_from]\n"
            "To:[$again_to]\n"
            "Call-ID: [call_id]\n"
            "CSeq:[$again_cseq]\n"
            f"{self._contact}{self._allow}"
        )
        head += "".join(f"{line}\n" for line in headers)
        return xml.send(head, body, attributes)

    # Each step goes on in its last element: what comes between two elements is not
    # looked at, and what comes while the scenario is at a mere `nop` is lost.

    def _take(self, step: Take, following: str) -> str:
        is_invite = step.method == "INVITE"
        # SIPp repeats it until the next message; it has to overlook that one.
        is_repeated = is_invite and not step.ignored_acks
        attributes = 'retrans="500"' if is_repeated else ""
        if not is_invite:
            attributes = f'next="{following}"'
        response = self._respond_again(
            step.status_line, step.headers, self._sdp(step.direction), attributes
        )
        if not is_invite:
            return response
        overlooked = [response, xml.recv("ACK", is_last=True), xml.pause(0.5)]
        return "\n".join(
            [
                *overlooked * step.ignored_acks,
                response,
                xml.recv("ACK", following, is_last=True),
            ]
        )

    def _collide(self, step: Collide, following: str) -> str:
        cseq = self.next_cseq()
        offer = self._sdp(step.direction)
        return "\n".join(
            [
                self.request("INVITE", cseq, f"{cseq}", (), offer, 'retrans="500"'),
                xml.recv_response(100),
                xml.recv_response(491, is_last=True),
                self.request("ACK", cseq, f"{cseq}"),
                self._respond_again("491 Request Pending", (), "", 'retrans="500"'),
                xml.recv("ACK", following, is_last=True),
            ]
        )

    def _ask(self, step: Ask, following: str) -> str:
        cseq = self.next_cseq()
        body = step.body or self._sdp(step.direction)
        request = self.request(
            step.method, cseq, f"{cseq}", step.headers, body, 'retrans="500"'
        )
        if step.method != "INVITE":
            return "\n".join([request, self._final_response(following, following)])
        go_on = f'next="{following}"'
        if step.cancel_after is not None:
            cancel = self._cancel(step.cancel_after, cseq, go_on)
            return "\n".join([request, cancel])
        name = next(self._names)
        accepted, refused = f"accepted{name}", f"refused_ask{name}"
        return "\n".join(
            [
                request,
                xml.recv_response(100),
                self._final_response(refused, accepted),
                xml.label(refused),
                self.request("ACK", cseq, f"{cseq}", attributes=go_on),
                xml.label(accepted),
                self._acknowledge(step, cseq, go_on),
            ]
        )

    def _final_response(self, refused: str, accepted: str) -> str:
        """Take whatever final response comes, and go on at one of these labels."""
        refusals = [xml.recv_response(status, refused) for status in _REFUSALS]
        return "\n".join([*refusals, xml.recv_response(200, accepted, is_last=True)])

    def _acknowledge(self, step: Ask, cseq: int, go_on: str) -> str:
        if step.acknowledges:
            # What had no offer is given its answer now.
            answer = "" if step.direction else self._sdp("sendrecv")
            return self.request("ACK", cseq, f"{cseq}-ack", (), answer, go_on)
        waiting = f"overlooked{next(self._names)}"
        return "\n".join(
            [
                xml.label(waiting),
                xml.recv_response(200, waiting),
                xml.recv("BYE", "hung_up", is_last=True),
            ]
        )

    def _cancel(self, after: float, cseq: int, go_on: str) -> str:
        return "\n".join(
            [
                xml.recv_response(100, is_last=True),
                xml.pause(after),
                self.request("CANCEL", cseq, f"{cseq}"),
                xml.recv_response(200, is_last=True),
                xml.recv_response(487, is_last=True),
                self.request("ACK", cseq, f"{cseq}", attributes=go_on),
            ]
        )
