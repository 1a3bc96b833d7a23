"""Tests of `sipuac.transaction.layer` and `sipuac.transaction.matching`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.effects import Deliver
from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.message import Request, response_to
from sipuac.transaction.derived import ack_of, cancel_of
from sipuac.transaction.invite_client import InviteClientTransaction
from sipuac.transaction.invite_server import InviteServerTransaction
from sipuac.transaction.layer import TransactionLayer
from sipuac.transaction.matching import origin_key
from sipuac.transaction.non_invite_client import NonInviteClientTransaction
from sipuac.transaction.non_invite_server import NonInviteServerTransaction
from tests.transaction.messages import request_of, response_of

OLD_VIA = "SIP/2.0/UDP old.example.com"


def _via(branch: str, sent_by: str = "pc33.atlanta.com") -> str:
    return f"SIP/2.0/UDP {sent_by};branch={branch}"


class ClientMatchingTests(SynchronousTestCase):
    """Responses find the request that they answer (RFC 3261 section 17.1.3)."""

    def setUp(self) -> None:
        """An INVITE and its CANCEL, which have the same branch."""
        self.layer = TransactionLayer()
        self.invite = request_of("INVITE")
        self.cancel = cancel_of(self.invite)
        self.inviting = InviteClientTransaction(self.invite)
        self.cancelling = NonInviteClientTransaction(self.cancel)
        self.layer.add_client(self.inviting)
        self.layer.add_client(self.cancelling)

    def test_branch_and_method(self) -> None:
        """A response matches by the branch of its top Via and the method of its CSeq,
        so that a response to CANCEL never reaches the INVITE (3261-17.1.3-a,
        3261-9.1-h).
        """
        self.assertIs(
            self.layer.client_for(response_of(self.invite, 487)), self.inviting
        )
        for status in (200, 408, 481):
            self.assertIs(
                self.layer.client_for(response_of(self.cancel, status)), self.cancelling
            )

    def test_cancel_ends_alone(self) -> None:
        """When CANCEL is over, the INVITE still awaits its final response
        (3261-9.1-h).
        """
        self.layer.remove(self.cancelling)
        self.assertIsNone(self.layer.client_for(response_of(self.cancel, 200)))
        self.assertIs(
            self.layer.client_for(response_of(self.invite, 487)), self.inviting
        )

    def test_other_to_tag(self) -> None:
        """Responses of every fork match the one INVITE, whatever their To tag."""
        for tag in ("a", "b", None):
            response = response_of(self.invite, 180, to_tag=tag)
            self.assertIs(self.layer.client_for(response), self.inviting)

    def test_no_match(self) -> None:
        """A response that matches no transaction has none: it is dropped
        (6026-7.2-a).
        """
        other = request_of("INVITE", via=_via("z9hG4bKother"))
        self.assertIsNone(self.layer.client_for(response_of(other, 200)))
        bye = request_of("BYE")
        self.assertIsNone(self.layer.client_for(response_of(bye, 200)))

    def test_terminated(self) -> None:
        """A transaction is destroyed when it enters Terminated; responses after that
        match nothing (6026-8.4-g, 6026-7.2-a).
        """
        self.layer.remove(self.inviting)
        self.assertIsNone(self.layer.client_for(response_of(self.invite, 200)))

    def test_case_of_the_branch(self) -> None:
        """A branch is compared without regard to case, as parameter values are."""
        response = response_of(self.invite, 200)
        shouted = response.with_top_via(_via("Z9HG4BKKJSHDYFF"))
        self.assertIs(self.layer.client_for(shouted), self.inviting)

    def test_no_branch(self) -> None:
        """A response without a branch cannot be ours."""
        response = response_of(request_of("INVITE", via=OLD_VIA), 200)
        self.assertRaises(ParseError, self.layer.client_for, response)

    def test_branch_in_use(self) -> None:
        """A branch is for one request only."""
        again = InviteClientTransaction(self.invite)
        self.assertRaises(LocalProtocolError, self.layer.add_client, again)
        self.assertIs(
            self.layer.client_for(response_of(self.invite, 200)), self.inviting
        )

    def test_remove_another(self) -> None:
        """Removing a transaction that was never added takes away no other."""
        self.layer.remove(InviteClientTransaction(self.invite))
        self.layer.remove(NonInviteServerTransaction(self.cancel))
        self.assertEqual(len(self.layer), 2)


class ServerMatchingTests(SynchronousTestCase):
    """Requests find their server transaction (RFC 3261 section 17.2.3)."""

    def setUp(self) -> None:
        """A received INVITE."""
        self.layer = TransactionLayer()
        self.invite = request_of("INVITE")
        self.invited = InviteServerTransaction(self.invite)
        self.layer.add_server(self.invited)

    def test_repeated_invite(self) -> None:
        """A request with the same branch, sent-by and method is a retransmission
        (3261-17.2.3-a).
        """
        self.assertIs(self.layer.server_for(request_of("INVITE")), self.invited)

    def test_other_branch(self) -> None:
        """Another branch is another transaction (3261-17.2.3-a)."""
        other = request_of("INVITE", via=_via("z9hG4bKother"))
        self.assertIsNone(self.layer.server_for(other))

    def test_other_sent_by(self) -> None:
        """The same branch of another client, "accidental or malicious", does not match
        (3261-17.2.3-a).
        """
        for sent_by in ("pc34.atlanta.com", "pc33.atlanta.com:5070"):
            other = request_of("INVITE", via=_via("z9hG4bKkjshdyff", sent_by))
            self.assertIsNone(self.layer.server_for(other))

    def test_equal_sent_by(self) -> None:
        """A host in other letters and the default port written out are the same sent-by
        (3261-17.2.3-a).
        """
        same = request_of(
            "INVITE", via=_via("z9hG4bKkjshdyff", "PC33.atlanta.COM:5060")
        )
        self.assertIs(self.layer.server_for(same), self.invited)

    def test_other_method(self) -> None:
        """The method matches the one that created the transaction (3261-17.2.3-a)."""
        self.assertIsNone(self.layer.server_for(request_of("INFO")))
        self.assertIsNone(self.layer.server_for(cancel_of(self.invite)))

    def test_ack(self) -> None:
        """The ACK of a refusal matches the INVITE (3261-17.2.3-a)."""
        ack = ack_of(self.invite, response_of(self.invite, 486))
        self.assertIs(self.layer.server_for(ack), self.invited)

    def test_ack_of_a_success(self) -> None:
        """The ACK of a 2xx has a branch of its own and matches nothing
        (3261-17.2.3-a).
        """
        ack = request_of("ACK", via=_via("z9hG4bKack"))
        self.assertIsNone(self.layer.server_for(ack))

    def test_cancel(self) -> None:
        """CANCEL is matched as if it were an INVITE, and makes a transaction of its own
        (3261-9.2-a).
        """
        cancel = cancel_of(self.invite)
        self.assertIs(self.layer.invite_for_cancel(cancel), self.invited)
        cancelled = NonInviteServerTransaction(cancel)
        self.layer.add_server(cancelled)
        self.assertIs(self.layer.server_for(cancel_of(self.invite)), cancelled)
        self.assertIs(self.layer.server_for(request_of("INVITE")), self.invited)

    def test_cancel_of_nothing(self) -> None:
        """Where no INVITE matches a CANCEL, none is found: 481 (3261-9.2-a)."""
        cancel = cancel_of(request_of("INVITE", via=_via("z9hG4bKother")))
        self.assertIsNone(self.layer.invite_for_cancel(cancel))

    def test_removed(self) -> None:
        """When the transaction is gone the request is a new one."""
        self.layer.remove(self.invited)
        self.assertIsNone(self.layer.server_for(request_of("INVITE")))
        self.assertIsNone(self.layer.invite_for_cancel(cancel_of(self.invite)))
        self.assertEqual(len(self.layer), 0)

    def test_request_in_use(self) -> None:
        """A request that has a transaction gets no second one."""
        again = InviteServerTransaction(request_of("INVITE"))
        self.assertRaises(LocalProtocolError, self.layer.add_server, again)
        self.layer.remove(again)
        self.assertIs(self.layer.server_for(request_of("INVITE")), self.invited)

    def test_own_requests_are_apart(self) -> None:
        """A request that we sent to ourselves is not its own retransmission."""
        layer = TransactionLayer()
        layer.add_client(InviteClientTransaction(self.invite))
        self.assertIsNone(layer.server_for(self.invite))


class OldMatchingTests(SynchronousTestCase):
    """Requests of RFC 2543 clients, whose branch tells nothing."""

    def setUp(self) -> None:
        """A received INVITE without branch, answered with 486."""
        self.layer = TransactionLayer()
        self.invite = request_of("INVITE", via=OLD_VIA)
        self.invited = InviteServerTransaction(self.invite)
        self.layer.add_server(self.invited)
        self.busy = response_of(self.invite, 486)
        self.ack = ack_of(self.invite, self.busy)

    def test_repeated_invite(self) -> None:
        """An INVITE matches if Request-URI, To tag, From tag, Call-ID, CSeq and top Via
        match those of the one before.
        """
        again = request_of("INVITE", via=OLD_VIA)
        self.assertIs(self.layer.server_for(again), self.invited)

    def test_every_field_counts(self) -> None:
        """If one of them differs it is another request."""
        from_field = "Alice <sip:alice@atlanta.com>;tag=other"
        for other in (
            request_of("INVITE", via=OLD_VIA, uri="sip:carol@biloxi.com"),
            request_of("INVITE", via=OLD_VIA, to="<sip:bob@biloxi.com>;tag=in"),
            request_of("INVITE", via=OLD_VIA).replacing("From", from_field),
            request_of("INVITE", via=OLD_VIA).replacing("Call-ID", "other"),
            request_of("INVITE", via=OLD_VIA, number=986760),
            request_of("INVITE", via=f"{OLD_VIA};branch=1"),
            request_of("INVITE", via="SIP/2.0/UDP other.example.com"),
            request_of("INVITE", via="SIP/2.0/TCP old.example.com"),
            request_of("INFO", via=OLD_VIA),
        ):
            self.assertIsNone(self.layer.server_for(other))

    def test_branch_without_cookie(self) -> None:
        """A branch without the magic cookie, or with nothing behind it, is not enough:
        two requests may share it.
        """
        for branch in ("1", "9hG4bKx", "z9hG4bK", "branch-of-1999"):
            layer = TransactionLayer()
            first = request_of("OPTIONS", via=_via(branch))
            transaction = NonInviteServerTransaction(first)
            layer.add_server(transaction)
            self.assertIs(layer.server_for(first), transaction)
            second = request_of("OPTIONS", via=_via(branch), number=986760)
            self.assertIsNone(layer.server_for(second))

    def test_ack(self) -> None:
        """An ACK matches if its To tag is the one of the response that was sent."""
        self.invited.respond(self.busy)
        self.assertIs(self.layer.server_for(self.ack), self.invited)

    def test_ack_with_another_tag(self) -> None:
        """The ACK of another response than ours does not match."""
        self.assertIsNone(self.layer.server_for(self.ack))
        self.invited.respond(self.busy)
        other = ack_of(self.invite, response_of(self.invite, 486, to_tag="other"))
        self.assertIsNone(self.layer.server_for(other))

    def test_ack_of_a_success(self) -> None:
        """The ACK of a 2xx matches too, and being in Accepted the transaction passes it
        up (RFC 6026 section 6).
        """
        self.invited.respond(response_of(self.invite, 200))
        self.assertIs(self.layer.server_for(self.ack), self.invited)
        self.assertEqual(self.invited.receive(self.ack), [Deliver(self.ack)])

    def test_ack_of_another_method(self) -> None:
        """ACK matches an INVITE transaction only, although another request has all else
        in common with it (RFC 3261 section 17.2.3).
        """
        layer = TransactionLayer()
        options = request_of("OPTIONS", via=OLD_VIA)
        transaction = NonInviteServerTransaction(options)
        layer.add_server(transaction)
        transaction.respond(self.busy)
        self.assertIsNone(layer.server_for(self.ack))
        layer.remove(transaction)
        self.assertEqual(len(layer), 0)

    def test_ack_after_another_method(self) -> None:
        """The end of another transaction leaves the INVITE to its ACK."""
        options = NonInviteServerTransaction(request_of("OPTIONS", via=OLD_VIA))
        self.layer.add_server(options)
        self.invited.respond(self.busy)
        self.layer.remove(options)
        self.assertIs(self.layer.server_for(self.ack), self.invited)

    def test_cancel(self) -> None:
        """CANCEL has all that the INVITE is matched by."""
        cancel = cancel_of(self.invite)
        self.assertIs(self.layer.invite_for_cancel(cancel), self.invited)

    def test_removed(self) -> None:
        """Nothing of a transaction is left when it is removed."""
        self.invited.respond(self.busy)
        self.layer.remove(self.invited)
        self.assertIsNone(self.layer.server_for(self.ack))
        self.assertIsNone(self.layer.server_for(self.invite))

    def test_remove_another(self) -> None:
        """Removing an equal transaction that was never added changes nothing."""
        self.invited.respond(self.busy)
        self.layer.remove(InviteServerTransaction(self.invite))
        self.assertIs(self.layer.server_for(self.ack), self.invited)


class MergedTests(SynchronousTestCase):
    """Copies of one request by several paths (RFC 3261 section 8.2.2.2)."""

    def setUp(self) -> None:
        """A received INVITE, and its copy that a proxy sent another way."""
        self.layer = TransactionLayer()
        self.invited = InviteServerTransaction(request_of("INVITE"))
        self.layer.add_server(self.invited)
        self.copy = request_of("INVITE", via=_via("z9hG4bKother"))

    def test_merged(self) -> None:
        """A request has come before if its From tag, Call-ID and CSeq are those of an
        ongoing transaction that it does not match.
        """
        self.assertIsNone(self.layer.server_for(self.copy))
        self.assertTrue(self.layer.is_merged(self.copy))

    def test_every_field_counts(self) -> None:
        """From tag, Call-ID and CSeq have to match exactly."""
        from_field = "Alice <sip:alice@atlanta.com>;tag=other"
        via = _via("z9hG4bKother")
        for other in (
            self.copy.replacing("From", from_field),
            self.copy.replacing("Call-ID", "other"),
            request_of("INVITE", via=via, number=986760),
            request_of("OPTIONS", via=via),
        ):
            self.assertFalse(self.layer.is_merged(other))

    def test_to_tag(self) -> None:
        """Only "if the request has no tag in the To header field" it is looked for."""
        within = "Bob <sip:bob@biloxi.com>;tag=99sa0xk"
        first = request_of("INFO", to=within)
        self.layer.add_server(NonInviteServerTransaction(first))
        second = request_of("INFO", via=_via("z9hG4bKother"), to=within)
        self.assertFalse(self.layer.is_merged(second))

    def test_cancel_and_ack(self) -> None:
        """CANCEL and ACK follow each copy of the INVITE; they are no copies."""
        self.layer.add_server(
            NonInviteServerTransaction(cancel_of(self.invited.request))
        )
        self.assertFalse(self.layer.is_merged(cancel_of(self.copy)))
        self.layer.add_server(NonInviteServerTransaction(request_of("ACK")))
        self.assertFalse(self.layer.is_merged(request_of("ACK", via=_via("z9hG4bKa"))))

    def test_no_from_tag(self) -> None:
        """Without a From tag, as in requests of RFC 2543 clients, two requests need not
        be one.
        """
        from_field = "Alice <sip:alice@atlanta.com>"
        first = request_of("OPTIONS").replacing("From", from_field)
        self.layer.add_server(NonInviteServerTransaction(first))
        second = request_of("OPTIONS", via=_via("z9hG4bKother"))
        self.assertFalse(self.layer.is_merged(second.replacing("From", from_field)))

    def test_over(self) -> None:
        """A transaction that is not ongoing any more has no copies."""
        self.layer.remove(self.invited)
        self.assertFalse(self.layer.is_merged(self.copy))

    def test_copy_is_over(self) -> None:
        """The end of a copy leaves the first to be found."""
        copied = InviteServerTransaction(self.copy)
        self.layer.add_server(copied)
        self.layer.remove(copied)
        third = request_of("INVITE", via=_via("z9hG4bKthird"))
        self.assertTrue(self.layer.is_merged(third))


class OriginTests(SynchronousTestCase):
    """By what copies of a request are known that its proxies have forked (8.2.2.2)."""

    def test_copies(self) -> None:
        """Two copies have the same From tag, Call-ID and CSeq, and other branches."""
        one = request_of("INVITE")
        other = request_of("INVITE", via="SIP/2.0/UDP other.example;branch=z9hG4bKo")
        self.assertIsNotNone(origin_key(one))
        self.assertEqual(origin_key(one), origin_key(other))
        self.assertNotEqual(origin_key(one), origin_key(request_of("INVITE", number=7)))

    def test_merged(self) -> None:
        """A copy that came by another path is merged as long as the first one is there
        (8.2.2.2).
        """
        layer = TransactionLayer()
        first = InviteServerTransaction(request_of("INVITE"))
        copy = request_of("INVITE", via="SIP/2.0/UDP other.example;branch=z9hG4bKo")
        self.assertFalse(layer.is_merged(copy))
        layer.add_server(first)
        self.assertTrue(layer.is_merged(copy))
        self.assertFalse(layer.is_merged(request_of("INVITE", number=7)))
        layer.remove(first)
        self.assertFalse(layer.is_merged(copy))

    def test_none_of_interest(self) -> None:
        """ACK and CANCEL follow their INVITE, a request in a dialog is not forked, and
        without a From tag nothing tells two requests apart.
        """
        invite = request_of("INVITE")
        for request in (
            request_of("ACK"),
            request_of("CANCEL"),
            request_of("INVITE", to="Bob <sip:bob@biloxi.com>;tag=a"),
            invite.replacing("From", "Alice <sip:alice@atlanta.com>"),
        ):
            self.assertIsNone(origin_key(request))


class BoundTests(SynchronousTestCase):
    """The number of transactions is bounded."""

    def test_each_kind(self) -> None:
        """Each kind has its own bound, so that a flood of requests or of calls keeps
        nobody from ending a call.
        """
        layer = TransactionLayer(max_transactions=2)
        for count in ("1", "2"):
            via = _via(f"z9hG4bK{count}")
            layer.add_client(InviteClientTransaction(request_of("INVITE", via=via)))
            layer.add_client(NonInviteClientTransaction(request_of("BYE", via=via)))
            layer.add_server(NonInviteServerTransaction(request_of("INFO", via=via)))
        self.assertEqual(len(layer), 6)
        via = _via("z9hG4bK3")
        with self.assertRaises(LocalProtocolError):
            layer.add_client(InviteClientTransaction(request_of("INVITE", via=via)))
        with self.assertRaises(LocalProtocolError):
            layer.add_client(NonInviteClientTransaction(request_of("BYE", via=via)))
        with self.assertRaises(LocalProtocolError):
            layer.add_server(InviteServerTransaction(request_of("INVITE", via=via)))
        self.assertEqual(len(layer), 6)

    def test_counts(self) -> None:
        """The layer says how many there are of each kind."""
        layer = TransactionLayer()
        layer.add_client(InviteClientTransaction(request_of("INVITE")))
        for count in range(2):
            bye = request_of("BYE", via=_via(f"z9hG4bK{count}"))
            layer.add_client(NonInviteClientTransaction(bye))
        for count in range(3):
            info = request_of("INFO", via=_via(f"z9hG4bK{count}"))
            layer.add_server(NonInviteServerTransaction(info))
        self.assertEqual(
            layer.counts, {"invite-clients": 1, "other-clients": 2, "servers": 3}
        )
        self.assertEqual(len(layer), 6)

    def test_refused_leaves_no_trace(self) -> None:
        """What was refused for want of room is found by no ACK."""
        layer = TransactionLayer(max_transactions=0)
        invite = request_of("INVITE", via=OLD_VIA)
        refused = InviteServerTransaction(invite)
        self.assertRaises(LocalProtocolError, layer.add_server, refused)
        busy = response_of(invite, 486)
        refused.respond(busy)
        self.assertIsNone(layer.server_for(ack_of(invite, busy)))

    def test_room_again(self) -> None:
        """A transaction that ends makes room for another."""
        layer = TransactionLayer(max_transactions=1)
        first = NonInviteClientTransaction(request_of("BYE"))
        layer.add_client(first)
        layer.remove(first)
        layer.add_client(NonInviteClientTransaction(request_of("INFO")))
        self.assertEqual(len(layer), 1)

    def test_remove_twice(self) -> None:
        """Removing a transaction twice does no harm."""
        layer = TransactionLayer()
        transaction = NonInviteServerTransaction(request_of("INFO"))
        layer.add_server(transaction)
        layer.remove(transaction)
        layer.remove(transaction)
        self.assertEqual(len(layer), 0)


class MalformedTests(SynchronousTestCase):
    """What cannot be matched says so."""

    def test_no_via(self) -> None:
        """Messages without Via raise `ParseError`, whoever looks for them."""
        layer = TransactionLayer()
        for method in ("INVITE", "ACK", "OPTIONS"):
            request = request_of(method, via=None)
            self.assertRaises(ParseError, layer.server_for, request)
        response = response_to(request_of("INVITE", via=None), 200)
        self.assertRaises(ParseError, layer.client_for, response)

    def test_old_request_without_call_id(self) -> None:
        """Without a branch the other fields have to be there."""
        request = Request("OPTIONS", "sip:x", [("Via", OLD_VIA), ("CSeq", "1 OPTIONS")])
        self.assertRaises(ParseError, TransactionLayer().server_for, request)
