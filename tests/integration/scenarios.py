"""What a SIPp phone does when it is called, written as SIPp's XML.

A phone is described by a `Behaviour`. Whatever it is, the phone answers an OPTIONS or
an UPDATE inside its dialog at any time as a real one does, takes a CANCEL, takes a BYE
on its early dialog with 200 and ends the INVITE with 487, and once the call is over
answers 481 to whatever comes for it.
"""

from __future__ import annotations

from dataclasses import dataclass

# SIPp fills in "last_Via" and the like from the last message received. The INVITE is
# answered after others have come, so what its responses repeat is kept in variables.
_KEEP_INVITE = """
  <recv request="INVITE" rrs="true">
    <action>
      <ereg regexp="((Record-Route|Via): *[^[:cntrl:]]*[[:cntrl:]]+)+" search_in="msg"
            check_it="true" assign_to="route_and_via,last_line,last_name"/>
      <ereg regexp=".*" search_in="hdr" header="From:" assign_to="from"/>
      <ereg regexp=".*" search_in="hdr" header="To:" assign_to="to"/>
      <ereg regexp=".*" search_in="hdr" header="CSeq:" assign_to="cseq"/>
    </action>
  </recv>
  <Reference variables="last_line,last_name"/>
"""

_TAG = ";tag=[pid]SIPpTag[call_number]"

_SDP = """v=0
o=phone 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio {media_port} RTP/AVP 0
a=rtpmap:0 PCMU/8000"""


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
        has_update: Whether its Allow names UPDATE.
        is_reliable: Whether it sends its one provisional response reliably (RFC 3262),
            with its offer, so that its 200 brings no session description.
        answers_at_cancel: Answers when the CANCEL comes, as if both had crossed.
        answers_at_bye: Answers when the BYE of its early dialog comes, likewise.
        hangs_up_after: Seconds from the ACK until it sends BYE; None waits for one.
    """

    provisionals: tuple[str, ...] = ("180 Ringing",)
    delay: float = 0.02
    final: str | None = "200 OK"
    after: float = 0.3
    contact: str = ""
    has_update: bool = True
    is_reliable: bool = False
    answers_at_cancel: bool = False
    answers_at_bye: bool = False
    hangs_up_after: float | None = None


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
        self._sdp = _SDP.format(media_port=media_port)
        self._refusals = 0

    def scenario(self) -> str:
        """The whole document."""
        is_success = (self._behaviour.final or "").startswith("2")
        parts = [
            '<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="phone">',
            _KEEP_INVITE,
            f'<pause milliseconds="{round(self._behaviour.delay * 1000)}"/>',
            *(self._provisional(line) for line in self._behaviour.provisionals),
            self._ringing(),
            _label("final"),
            ""
            if is_success
            else self._refuse(self._behaviour.final or "487 Cancelled"),
            self._answered(),
            self._cancelled(),
            self._early_bye(),
            self._over(),
            "</scenario>\n",
        ]
        return "\n".join(parts)

    def _provisional(self, status_line: str) -> str:
        if not self._behaviour.is_reliable:
            return self._respond_to_invite(status_line)
        reliable = "Require: 100rel\nRSeq: 1\n"
        return self._respond_to_invite(status_line, 'retrans="500"', reliable)

    def _ringing(self) -> str:
        """Nobody has answered: what may come, and the moment of the final response."""
        behaviour = self._behaviour
        final_at = "" if behaviour.final is None else _timeout(behaviour.after, "final")
        return "\n".join(
            [
                _label("ringing"),
                _recv("CANCEL", "cancelled", final_at),
                _recv("BYE", "early_bye"),
                _recv("PRACK", "ringing_ok"),
                _recv("OPTIONS", "ringing_ok"),
                _recv("UPDATE", "ringing_ok", is_last=True),
                _label("ringing_ok"),
                self._respond("200 OK", next_label="ringing"),
            ]
        )

    def _answered(self) -> str:
        """200 is sent, again and again, until the ACK; then the talk, until a BYE."""
        hang_up_after = self._behaviour.hangs_up_after
        hang_up = "" if hang_up_after is None else _timeout(hang_up_after, "hang_up")
        return "\n".join(
            [
                _label("answer"),
                self._respond_to_invite(
                    "200 OK" if self._behaviour.is_reliable else "200 OK with SDP",
                    'retrans="500"',
                ),
                _label("unacknowledged"),
                _recv("BYE", "unacknowledged_bye"),
                # The CANCEL of a proxy that had not yet seen this answer.
                _recv("CANCEL", "unacknowledged_cancel"),
                _recv("OPTIONS", "unacknowledged_ok"),
                _recv("UPDATE", "unacknowledged_ok"),
                _recv("ACK", "talking", is_last=True),
                _label("unacknowledged_ok"),
                self._respond("200 OK", next_label="unacknowledged"),
                _label("unacknowledged_cancel"),
                self._respond("200 OK", _TAG, next_label="unacknowledged"),
                _label("unacknowledged_bye"),
                self._respond("200 OK"),
                _recv("ACK", "over", is_last=True),
                _label("talking"),
                _recv("ACK", "talking", hang_up),
                _recv("OPTIONS", "talking_ok"),
                _recv("UPDATE", "talking_ok"),
                _recv("BYE", "hung_up", is_last=True),
                _label("talking_ok"),
                self._respond("200 OK", next_label="talking"),
                _label("hung_up"),
                self._respond("200 OK", next_label="over"),
                _label("hang_up"),
                self._request("BYE"),
                '<recv response="200" next="over"/>',
            ]
        )

    def _cancelled(self) -> str:
        """A CANCEL came: end with 487, or answer as if both had crossed."""
        parts = [_label("cancelled"), self._respond("200 OK", _TAG)]
        if self._behaviour.answers_at_cancel:
            parts.append(_goto("answer"))
        else:
            parts.append(self._refuse("487 Request Terminated"))
        return "\n".join(parts)

    def _early_bye(self) -> str:
        """A BYE came on the early dialog: 200 to it, 487 to the INVITE (15.1.2)."""
        parts = [_label("early_bye"), self._respond("200 OK")]
        if self._behaviour.answers_at_bye:
            parts.append(_goto("answer"))
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
                _label(waiting),
                _recv("CANCEL", crossed),
                _recv("BYE", crossed),
                _recv("OPTIONS", crossed),
                _recv("UPDATE", crossed),
                _recv("ACK", "over", is_last=True),
                _label(crossed),
                self._respond(
                    "481 Call/Transaction Does Not Exist", next_label=waiting
                ),
            ]
        )

    def _over(self) -> str:
        """The call is over: nothing of it is known any more."""
        return "\n".join(
            [
                _label("over"),
                _recv("ACK", "over"),
                _recv("CANCEL", "gone"),
                _recv("OPTIONS", "gone"),
                _recv("UPDATE", "gone"),
                _recv("BYE", "gone", is_last=True),
                _label("gone"),
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
            f"To:[$to]{_TAG}\n"
            "Call-ID: [call_id]\n"
            "CSeq:[$cseq]\n"
            f"{self._contact(line)}"
            f"{self._allow()}"
            f"{more}"
        )
        return _send(head, self._sdp if with_sdp else "", attributes)

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
        return _send(head, attributes=attributes)

    def _request(self, method: str) -> str:
        head = (
            f"{method} [next_url] SIP/2.0\n"
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"
            "Max-Forwards: 70\n"
            f"From:[$to]{_TAG}\n"
            "To:[$from]\n"
            "Call-ID: [call_id]\n"
            f"CSeq: 1 {method}\n"
            "[routes]\n"
        )
        return _send(head, attributes='retrans="500"')

    def _contact(self, status_line: str) -> str:
        if status_line.startswith("3"):
            return f"Contact: {self._behaviour.contact}\n"
        return "Contact: <sip:phone@[local_ip]:[local_port];transport=[transport]>\n"

    def _allow(self) -> str:
        update = ", UPDATE" if self._behaviour.has_update else ""
        return f"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK{update}\n"


def _label(name: str) -> str:
    return f'<label id="{name}"/>'


def _goto(label: str) -> str:
    return f'<nop next="{label}"/>'


def _timeout(seconds: float, label: str) -> str:
    # To SIPp 0 means never.
    return f'timeout="{max(1, round(seconds * 1000))}" ontimeout="{label}"'


def _recv(
    method: str, next_label: str, attributes: str = "", is_last: bool = False
) -> str:
    """Take a request and go on at the label; the last one of a choice is mandatory."""
    optional = "" if is_last else 'optional="true"'
    return f'<recv request="{method}" {optional} {attributes} next="{next_label}"/>'


def _send(head: str, body: str = "", attributes: str = "") -> str:
    content_type = "Content-Type: application/sdp\n" if body else ""
    message = f"{head}{content_type}Content-Length: [len]\n\n{body}"
    return f"<send {attributes}><![CDATA[\n\n{message}\n\n]]></send>"
