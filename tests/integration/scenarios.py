"""What a SIPp phone does when it is called, written as SIPp's XML.

A phone is described by a `Behaviour`. Whatever it is, the phone answers an OPTIONS or
an UPDATE inside its dialog at any time as a real one does, takes a CANCEL, takes a BYE
on its early dialog with 200 and ends the INVITE with 487, and once the call is over
answers 481 to whatever comes for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.integration import sipp_xml as xml
from tests.integration.steps import ANSWER, IGNORE, Step, StepWriter


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a phone does with a call.

    Attributes:
        provisionals: What it sends first, such as "180 Ringing" or "183 Session
            Progress with SDP".
        delay: Seconds from the INVITE to that.
        final: The final response it gives of its own, such as "200 OK"; None rings on.
        after: Seconds from that, or the last request in the early dialog, to it.
        contact: Contact of a 3xx.
        codec: The only one that it knows, "PCMU" or "PCMA".
        has_update: Whether its Allow names UPDATE.
        is_reliable: Whether it sends its one provisional response reliably (RFC 3262),
            with its offer, so that its 200 brings no session description.
        answers_at_cancel: Answers when the CANCEL comes, as if both had crossed.
        answers_at_bye: Answers when the BYE of its early dialog comes, likewise.
        hangs_up_after: Seconds from the ACK, or the last step of the talk, until it
            sends BYE; None waits for one.
        refusal: How it refuses the first INVITE, before it takes another one of the
            same call: status line and more lines of the head; () for not at all.
        headers: More lines in the head of its 200.
        ignored_acks: How many ACKs of its 200 it overlooks, as if they were lost; see
            `Take`.
        early: What it does in the early dialog, before `after` begins.
        talk: What it does once the call stands.
    """

    provisionals: tuple[str, ...] = ("180 Ringing",)
    delay: float = 0.02
    final: str | None = "200 OK"
    after: float = 0.3
    contact: str = ""
    codec: str = "PCMU"
    has_update: bool = True
    is_reliable: bool = False
    answers_at_cancel: bool = False
    answers_at_bye: bool = False
    hangs_up_after: float | None = None
    refusal: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    ignored_acks: int = 0
    early: tuple[Step, ...] = ()
    talk: tuple[Step, ...] = ()


_CONTACT = "Contact: <sip:phone@[local_ip]:[local_port];transport=[transport]>\n"

EARLY_MEDIA = ("183 Session Progress with SDP",)


def phone_scenario(behaviour: Behaviour, media_port: int) -> str:
    """The scenario of a phone that behaves so.

    Args:
        behaviour: What it does.
        media_port: The port in its session descriptions, by which one knows them.
    """
    return _Writer(behaviour, media_port).scenario()


class _Writer:
    """Writes one scenario, part by part in the order in which a call meets them."""

    def __init__(self, behaviour: Behaviour, media_port: int) -> None:
        self._behaviour = behaviour
        self._sdp = xml.sdp(media_port, behaviour.codec)
        self._refusals = 0
        self._steps = StepWriter(media_port, behaviour.codec, _CONTACT, self._allow())

    def scenario(self) -> str:
        """The whole document."""
        is_success = (self._behaviour.final or "").startswith("2")
        parts = [
            '<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="phone">',
            self._refused_first(),
            xml.keep_invite(),
            xml.pause(self._behaviour.delay),
            *(self._provisional(line) for line in self._behaviour.provisionals),
            self._early(),
            self._ringing(),
            xml.label("final"),
            ""
            if is_success
            else self._refuse(self._behaviour.final or "487 Cancelled"),
            self._answered(),
            self._cancelled(),
            self._early_bye(),
            self._over(),
            xml.unused(),
            self._steps.unused(),
            "</scenario>\n",
        ]
        return "\n".join(parts)

    def _provisional(self, status_line: str) -> str:
        if not self._behaviour.is_reliable:
            return self._respond_to_invite(status_line)
        reliable = "Require: 100rel\nRSeq: 1\n"
        return self._respond_to_invite(status_line, 'retrans="500"', reliable)

    def _refused_first(self) -> str:
        """The first INVITE is refused, and another one follows."""
        if not self._behaviour.refusal:
            return ""
        status_line, *headers = self._behaviour.refusal
        more = "".join(f"{line}\n" for line in headers)
        return "\n".join(
            [
                xml.keep_invite(),
                self._respond_to_invite(status_line, 'retrans="500"', more),
                '<recv request="ACK"/>',
            ]
        )

    def _early(self) -> str:
        choices = (
            ("CANCEL", "cancelled"),
            ("BYE", "early_bye"),
            ("PRACK", ANSWER),
            ("OPTIONS", ANSWER),
            ("UPDATE", ANSWER),
        )
        return self._steps.script("early", self._behaviour.early, choices, "ringing")

    def _ringing(self) -> str:
        """Nobody has answered: what may come, and the moment of the final response."""
        behaviour = self._behaviour
        final_at = (
            "" if behaviour.final is None else xml.timeout(behaviour.after, "final")
        )
        return "\n".join(
            [
                xml.label("ringing"),
                xml.recv("CANCEL", "cancelled", final_at),
                xml.recv("BYE", "early_bye"),
                xml.recv("PRACK", "ringing_ok"),
                xml.recv("OPTIONS", "ringing_ok"),
                xml.recv("UPDATE", "ringing_ok", is_last=True),
                xml.label("ringing_ok"),
                self._respond("200 OK", next_label="ringing"),
            ]
        )

    def _answered(self) -> str:
        """200 is sent, again and again, until the ACK; then the talk, until a BYE."""
        answer = "200 OK" if self._behaviour.is_reliable else "200 OK with SDP"
        more = "".join(f"{line}\n" for line in self._behaviour.headers)
        overlooked = [
            xml.pause(0.5),
            self._respond_to_invite(answer, more=more),
            '<recv request="ACK"/>',
        ] * self._behaviour.ignored_acks
        return "\n".join(
            [
                xml.label("answer"),
                self._respond_to_invite(answer, 'retrans="500"', more),
                xml.label("unacknowledged"),
                xml.recv("BYE", "unacknowledged_bye"),
                # The CANCEL of a proxy that had not yet seen this answer.
                xml.recv("CANCEL", "unacknowledged_cancel"),
                xml.recv("OPTIONS", "unacknowledged_ok"),
                xml.recv("UPDATE", "unacknowledged_ok"),
                xml.recv("ACK", "acknowledged", is_last=True),
                xml.label("unacknowledged_ok"),
                self._respond("200 OK", next_label="unacknowledged"),
                xml.label("unacknowledged_cancel"),
                self._respond("200 OK", xml.TAG, next_label="unacknowledged"),
                xml.label("unacknowledged_bye"),
                self._respond("200 OK"),
                xml.recv("ACK", "over", is_last=True),
                xml.label("acknowledged"),
                *overlooked,
                self._talk(),
            ]
        )

    def _talk(self) -> str:
        """The call stands: the steps, and then whatever comes, until a BYE."""
        answered = ("OPTIONS", "UPDATE", "INFO", "MESSAGE", "NOTIFY")
        choices = (
            ("ACK", IGNORE),
            *((method, ANSWER) for method in answered),
            ("BYE", "hung_up"),
        )
        hang_up_after = self._behaviour.hangs_up_after
        hang_up = "" if hang_up_after is None else xml.timeout(hang_up_after, "hang_up")
        cseq = self._steps.next_cseq
        return "\n".join(
            [
                self._steps.script("talk", self._behaviour.talk, choices, "talking"),
                xml.label("talking"),
                xml.recv("ACK", "talking", hang_up),
                *(xml.recv(method, "talking_ok") for method in answered),
                xml.recv("BYE", "hung_up", is_last=True),
                xml.label("talking_ok"),
                self._respond("200 OK", next_label="talking"),
                xml.label("hung_up"),
                self._respond("200 OK", next_label="over"),
                xml.label("hang_up"),
                self._steps.request("BYE", cseq(), "bye", attributes='retrans="500"'),
                '<recv response="200" next="over"/>',
            ]
        )

    def _cancelled(self) -> str:
        """A CANCEL came: end with 487, or answer as if both had crossed."""
        parts = [xml.label("cancelled"), self._respond("200 OK", xml.TAG)]
        if self._behaviour.answers_at_cancel:
            parts.append(xml.goto("answer"))
        else:
            parts.append(self._refuse("487 Request Terminated"))
        return "\n".join(parts)

    def _early_bye(self) -> str:
        """A BYE came on the early dialog: 200 to it, 487 to the INVITE (15.1.2)."""
        parts = [xml.label("early_bye"), self._respond("200 OK")]
        if self._behaviour.answers_at_bye:
            parts.append(xml.goto("answer"))
        else:
            parts.append(self._refuse("487 Request Terminated"))
        return "\n".join(parts)

    def _refuse(self, status_line: str) -> str:
        """A final response of failure, again and again until its ACK.

        What else comes meanwhile has crossed it: another CANCEL, a BYE, a probe.
        """
        self._refusals += 1
        waiting, crossed = f"refused{self._refusals}", f"crossed{self._refusals}"
        return "\n".join(
            [
                self._respond_to_invite(status_line, 'retrans="500"'),
                xml.label(waiting),
                xml.recv("CANCEL", crossed),
                xml.recv("BYE", crossed),
                xml.recv("OPTIONS", crossed),
                xml.recv("UPDATE", crossed),
                xml.recv("ACK", "over", is_last=True),
                xml.label(crossed),
                self._respond(
                    "481 Call/Transaction Does Not Exist", next_label=waiting
                ),
            ]
        )

    def _over(self) -> str:
        """The call is over: nothing of it is known any more."""
        return "\n".join(
            [
                xml.label("over"),
                xml.recv("ACK", "over"),
                xml.recv("CANCEL", "gone"),
                xml.recv("OPTIONS", "gone"),
                xml.recv("UPDATE", "gone"),
                xml.recv("BYE", "gone", is_last=True),
                xml.label("gone"),
                self._respond("481 Call/Transaction Does Not Exist", next_label="over"),
            ]
        )

    def _respond_to_invite(
        self, status_line: str, attributes: str = "", more: str = ""
    ) -> str:
        line, _, with_sdp = status_line.partition(" with ")
        # The block ends in its own line break, so the next field follows directly.
        head = (
            f"SIP/2.0 {line}\n"
            "[$route_and_via]From:[$from]\n"
            f"To:[$to]{xml.TAG}\n"
            "Call-ID: [call_id]\n"
            "CSeq:[$cseq]\n"
            f"{self._contact(line)}"
            f"{self._allow()}"
            f"{more}"
        )
        return xml.send(head, self._sdp if with_sdp else "", attributes)

    def _respond(
        self, status_line: str, to_tag: str = "", next_label: str | None = None
    ) -> str:
        """A response to the request that came last; only a CANCEL has no To tag yet."""
        head = (
            f"SIP/2.0 {status_line}\n"
            "[last_Via:]\n"
            "[last_From:]\n"
            f"[last_To:]{to_tag}\n"
            "[last_Call-ID:]\n"
            "[last_CSeq:]\n"
            f"{self._contact(status_line)}"
        )
        # Going on in the same step: what comes between two steps is not looked at.
        attributes = "" if next_label is None else f'next="{next_label}"'
        return xml.send(head, attributes=attributes)

    def _contact(self, status_line: str) -> str:
        if status_line.startswith("3"):
            return f"Contact: {self._behaviour.contact}\n"
        return _CONTACT

    def _allow(self) -> str:
        update = ", UPDATE" if self._behaviour.has_update else ""
        others = ", INFO, MESSAGE, NOTIFY"
        return f"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK{update}{others}\n"
