"""Each invariant sees what it is there to see: a caller that breaks it is found.

Here are callers whose messages break the rules, one for each of them.
"""

from __future__ import annotations

from sipuac.testing.simulation.draw import draw
from sipuac.testing.simulation.ledger import InviteFacts
from sipuac.testing.simulation.wire import WireMessage
from sipuac.testing.simulation.world import World
from tests.testing.mutant_case import (
    MutantCase,
    another,
    changed,
    is_ack_of_success,
    send_later,
    started,
)


def invite_of(world: World, message: WireMessage) -> InviteFacts:
    """The INVITE that the caller sent last in a call."""
    return world.ledger.first_invites[message.call_id][-1]


def cancel_of(world: World, message: WireMessage) -> WireMessage:
    """A CANCEL of that INVITE."""
    invite = invite_of(world, message).invite
    cancel = changed(invite, "CSeq", f"{invite.number} CANCEL")
    return started(cancel, f"CANCEL {invite.uri} SIP/2.0")


class HonestTests(MutantCase):
    """A caller that does what it should."""

    def test_an_honest_caller_breaks_nothing(self) -> None:
        """The same worlds without sabotage: silence."""
        for seed in range(50):
            self.assertEqual(self.broken_in(draw(seed), None), [], seed)


class AcknowledgementTests(MutantCase):
    """ACKs of 2xx."""

    def test_no_ack(self) -> None:
        """A caller that never acknowledges a 2xx."""

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            return [] if is_ack_of_success(world, message) else [message]

        self.assertFound("Acknowledgement: no ACK for", tamper)
        self.assertFound("Acknowledgement: no ACK ever", tamper, without_sdp=True)

    def test_one_ack_only(self) -> None:
        """A caller that does not acknowledge the 2xx that comes again."""
        seen: set[bytes] = set()

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            if message.method == "ACK" and message.octets in seen:
                return []
            seen.add(message.octets)
            return [message]

        self.assertFound("Acknowledgement: no ACK for", tamper)

    def test_another_ack(self) -> None:
        """A caller whose second ACK differs from the first."""
        count = 0

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            nonlocal count
            if message.status or message.method != "ACK":
                return [message]
            count += 1
            return [message.with_rows([*message.rows, ("X-Count", str(count))])]

        self.assertFound("Acknowledgement: another ACK", tamper)

    def test_an_ack_of_nothing(self) -> None:
        """A caller that acknowledges what was not said."""

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            if message.status or message.method != "PRACK":
                return [message]
            return [message, another(message, "ACK", 1)]

        self.assertFound("Acknowledgement: an ACK of no 2xx", tamper)

    def test_a_late_ack(self) -> None:
        """A caller that takes ten seconds for the answer in its ACK."""

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            if not is_ack_of_success(world, message):
                return [message]
            send_later(world, 10.0, message)
            return []

        self.assertFound("Acknowledgement: an ACK took", tamper, without_sdp=True)


class CancelTests(MutantCase):
    """CANCEL."""

    def test_an_early_cancel(self) -> None:
        """A caller that cancels before anybody has answered."""

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            if message.method != "INVITE" or message.status or message.to_tag:
                return [message]
            cancel = changed(message, "CSeq", f"{message.number} CANCEL")
            return [message, started(cancel, f"CANCEL {message.uri} SIP/2.0")]

        self.assertFound("Cancel: a CANCEL before any 1xx", tamper)

    def test_a_late_cancel(self) -> None:
        """A caller that cancels what has its final response."""

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            if message.status or message.method != "ACK":
                return [message]
            return [message, cancel_of(world, message)]

        self.assertFound("Cancel: a CANCEL after a 2xx", tamper)
        self.assertFound("Cancel: a CANCEL after a final response", tamper)

    def test_a_cancel_of_something_else(self) -> None:
        """A CANCEL with another branch, Request-URI or number than its INVITE."""

        def branch(world: World, message: WireMessage) -> list[WireMessage]:
            via = message.get("Via").replace(message.branch, f"{message.branch}-x")
            is_it = message.method == "CANCEL" and not message.status
            return [changed(message, "Via", via) if is_it else message]

        def uri(world: World, message: WireMessage) -> list[WireMessage]:
            is_it = message.method == "CANCEL" and not message.status
            return [started(message, "CANCEL sip:x@p0 SIP/2.0") if is_it else message]

        def number(world: World, message: WireMessage) -> list[WireMessage]:
            is_it = message.method == "CANCEL" and not message.status
            return [changed(message, "CSeq", "9 CANCEL") if is_it else message]

        self.assertFound("Cancel: a CANCEL for no INVITE", branch)
        self.assertFound("Cancel: a CANCEL for somebody else", uri)
        self.assertFound("Cancel: a CANCEL with its own CSeq", number)


class ByeTests(MutantCase):
    """BYE."""

    def test_a_bye_before_the_ack(self) -> None:
        """A caller that hangs up before it acknowledges."""

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            if not is_ack_of_success(world, message):
                return [message]
            return [another(message, "BYE", message.number + 1), message]

        self.assertFound("Bye: a BYE between 2xx and ACK", tamper)

    def test_a_bye_in_no_dialog(self) -> None:
        """A caller that hangs up before anybody has answered."""

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            if message.status or message.method != "INVITE" or message.to_tag:
                return [message]
            return [message, another(message, "BYE", message.number + 1)]

        self.assertFound("Bye: a BYE in no dialog", tamper)

    def test_many_byes(self) -> None:
        """A caller that hangs up again and again, at once or after the answer."""

        def at_once(world: World, message: WireMessage) -> list[WireMessage]:
            if message.status or message.method != "BYE":
                return [message]
            more = (another(message, "BYE", message.number + n) for n in (1, 2))
            return [message, *more]

        def afterwards(world: World, message: WireMessage) -> list[WireMessage]:
            if not message.status and message.method == "BYE":
                send_later(world, 3.0, another(message, "BYE", message.number + 1))
            return [message]

        self.assertFound("Bye: more than two BYEs", at_once)
        self.assertFound("Bye: a BYE after one that was answered", afterwards)

    def test_no_bye(self) -> None:
        """A caller that hangs up without a word."""

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            return [] if message.method == "BYE" and not message.status else [message]

        self.assertFound("with nobody", tamper)
        self.assertFound(": no BYE was sent", tamper)

    def test_a_bye_that_goes_astray(self) -> None:
        """A caller that sends its BYE to somebody else."""

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            if message.status or message.method != "BYE":
                return [message]
            rows = [row for row in message.rows if row[0] != "Route"]
            return [WireMessage("BYE sip:x@nowhere SIP/2.0", rows)]

        self.assertFound(": the BYE went astray", tamper)


class RequestTests(MutantCase):
    """All requests."""

    def test_a_number_twice(self) -> None:
        """A caller that does not count its requests."""

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            is_it = message.method == "BYE" and not message.status
            return [changed(message, "CSeq", "1 BYE") if is_it else message]

        self.assertFound("Sequence: CSeq", tamper)

    def test_an_ack_with_another_number(self) -> None:
        """A caller that counts its ACKs."""

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            is_it = is_ack_of_success(world, message)
            number = f"{message.number + 1} ACK"
            return [changed(message, "CSeq", number) if is_it else message]

        self.assertFound("Sequence: an ACK with its own CSeq", tamper)

    def test_another_request_each_time(self) -> None:
        """A caller that changes what it repeats."""
        count = 0

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            nonlocal count
            count += 1
            return [changed(message, "Max-Forwards", str(70 + count))]

        self.assertFound("Repetition: another request", tamper)

    def test_a_second_offer(self) -> None:
        """A caller that describes its session in a PRACK although it has an answer."""

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            if message.status or message.method != "PRACK":
                return [message]
            return [WireMessage(message.start, message.rows, b"v=0\r\n")]

        self.assertFound("OneExchange: a second exchange", tamper)

    def test_a_second_answer(self) -> None:
        """A caller that answers the callee's offer in its PRACK and in its ACK."""

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            if not is_ack_of_success(world, message):
                return [message]
            return [started(message, message.start, b"v=0\r\n")]

        self.assertFound("OneExchange: a second answer", tamper, without_sdp=True)

    def test_no_answer(self) -> None:
        """A caller that acknowledges an offer without a word about it."""

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            if not is_ack_of_success(world, message):
                return [message]
            return [started(message, message.start)]

        rule = "OneExchange: an offer without an answer"
        self.assertFound(rule, tamper, without_sdp=True)


class ResponseTests(MutantCase):
    """Reliable responses, and requests of the callee."""

    def test_pracks(self) -> None:
        """A caller that acknowledges a response twice, another one, or none."""

        def is_prack(message: WireMessage) -> bool:
            return message.method == "PRACK" and not message.status

        def twice(world: World, message: WireMessage) -> list[WireMessage]:
            if not is_prack(message):
                return [message]
            return [message, another(message, "PRACK", message.number + 1)]

        def another_one(world: World, message: WireMessage) -> list[WireMessage]:
            is_it = is_prack(message)
            return [changed(message, "RAck", "99 1 INVITE") if is_it else message]

        def none(world: World, message: WireMessage) -> list[WireMessage]:
            return [] if is_prack(message) else [message]

        self.assertFound("Reliability: a second PRACK", twice)
        self.assertFound("Reliability: a PRACK of nothing", another_one)
        self.assertFound("Reliability: no PRACK for it", none)

    def test_no_answers(self) -> None:
        """A caller that does not answer what it is asked."""

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            return [] if message.status else [message]

        def slow(world: World, message: WireMessage) -> list[WireMessage]:
            is_slow = message.method in ("INVITE", "UPDATE")
            return [] if message.status and is_slow else [message]

        self.assertFound("Replies: no answer to it", tamper)
        self.assertFound("Replies: never an answer to it", slow)

    def test_another_answer(self) -> None:
        """A caller that changes its mind."""
        count = 0

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            nonlocal count
            if message.status < 200:
                return [message]
            count += 1
            return [started(message, f"SIP/2.0 {400 + count % 100} Changed")]

        self.assertFound("Replies: not 4", tamper)

    def test_an_early_answer(self) -> None:
        """A caller that answers the callee's offer before its own has its ACK."""

        def tamper(world: World, message: WireMessage) -> list[WireMessage]:
            if message.method != "UPDATE" or message.status < 300:
                return [message]
            return [started(message, "SIP/2.0 200 OK", b"v=0\r\n")]

        self.assertFound("OneExchange: the callee's offer was answered", tamper)

    def test_forged_requests(self) -> None:
        """A caller that says 200 to whoever asks, or answers somebody else."""

        def taken(world: World, message: WireMessage) -> list[WireMessage]:
            is_it = message.status == 481
            return [started(message, "SIP/2.0 200 OK") if is_it else message]

        def misled(world: World, message: WireMessage) -> list[WireMessage]:
            via = message.get("Via").replace(message.branch, f"{message.branch}-x")
            is_it = message.status == 481
            return [changed(message, "Via", via) if is_it else message]

        self.assertFound("NobodyElse: a forgery was answered", taken)
        self.assertFound("NobodyElse: a forgery made us answer", misled)
