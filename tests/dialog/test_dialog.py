"""One dialog: identity, route set, remote target, sequence numbers (section 12)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog.dialog import Dialog, DialogState
from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.uri import SipUri
from tests.dialog.messages import (
    CONTACT,
    FROM,
    TO,
    hop,
    invite,
    own_request,
    peer_request,
    response,
)

P1, P2 = "<sip:p1.example;lr>", "<sip:p2.example;lr;x=1>"


class DialogTests(SynchronousTestCase):
    """Tests of `Dialog`."""

    def early(self, **how: object) -> Dialog:
        """An early dialog of phone "a"."""
        dialog = Dialog(invite(), "a")
        dialog.learn(response(180, **how))  # type: ignore[arg-type] # as response takes
        return dialog

    def test_identity(self) -> None:
        """Remote target from Contact, local CSeq from the request, remote CSeq empty,
        the id from Call-ID and tags (3261-12.1.2-b).
        """
        dialog = self.early()
        self.assertEqual(dialog.remote_target, hop("sip:a@a.example"))
        self.assertEqual((dialog.local_cseq, dialog.remote_cseq), (1, None))
        self.assertEqual((dialog.local_tag, dialog.remote_tag), ("me", "a"))
        self.assertEqual(dialog.state, DialogState.EARLY)

    def test_secure(self) -> None:
        """The secure flag is set for a SIPS Request-URI (3261-12.1.2-d)."""
        self.assertTrue(Dialog(invite(uri="sips:bob@example.com"), "a").is_secure)
        self.assertFalse(Dialog(invite(), "a").is_secure)

    def test_route_set(self) -> None:
        """The route set is Record-Route in reverse order with all parameters
        (3261-12.1.2-a).
        """
        for routes in ([P1, P2], [f"{P1}, {P2}"]):
            dialog = self.early(routes=routes)
            request = dialog.request("BYE")
            self.assertEqual(request, own_request("BYE", routes=[P2, P1]))
            self.assertEqual(dialog.next_hop(), hop("sip:p2.example;lr;x=1"))

    def test_a_preloaded_route_is_no_route_set(self) -> None:
        """The route set is empty without Record-Route, also where the INVITE had a
        preloaded route, and then there is no Route (3261-12.1.2-a, 3261-12.2.1.1-e).
        """
        dialog = Dialog(invite(("Route", P1)), "a")
        dialog.learn(response(180))
        self.assertEqual(dialog.request("BYE"), own_request("BYE"))
        self.assertEqual(dialog.next_hop(), hop("sip:a@a.example"))

    def test_loose_route(self) -> None:
        """Loose first route: the target in the Request-URI, the whole route set in
        Route (3261-12.2.1.1-c).
        """
        request = self.early(routes=["<sip:strict.example>", P1]).request("BYE")
        self.assertEqual(request.uri_text, "sip:a@a.example")
        self.assertEqual(request.get_all("Route"), [P1, "<sip:strict.example>"])

    def test_strict_route(self) -> None:
        """Strict first route: its URI in the Request-URI, the rest in Route, the target
        last (3261-12.2.1.1-d).
        """
        strict = "<sip:strict.example;method=BYE?x=y>"
        dialog = self.early(routes=[P1, strict])
        request = dialog.request("BYE")
        self.assertEqual(request.uri_text, "sip:strict.example")
        self.assertEqual(request.get_all("Route"), [P1, "<sip:a@a.example>"])
        self.assertEqual(getattr(dialog.next_hop(), "host", None), "strict.example")

    def test_requests(self) -> None:
        """Remote URI and tag in To, local ones in From, Call-ID; CSeq rises by one for
        each request but ACK (3261-12.2.1.1-a, 3261-12.2.1.1-b).
        """
        dialog = self.early()
        self.assertEqual(dialog.request("OPTIONS").get("CSeq"), "2 OPTIONS")
        self.assertEqual(dialog.ack().get("CSeq"), "1 ACK")
        request = dialog.request("BYE")
        self.assertEqual(request.get("CSeq"), "3 BYE")
        self.assertEqual(request.get("From"), FROM)
        self.assertEqual(request.get("To"), f"{TO};tag=a")

    def test_target_refresh_requests_have_contact(self) -> None:
        """Contact stands in target refresh requests, the same as before
        (3261-12.2.1.1-f).
        """
        dialog = self.early()
        update = dialog.request("UPDATE", has_contact=True)
        self.assertEqual(update.get("Contact"), CONTACT)
        self.assertIsNone(dialog.request("BYE").get("Contact"))

    def test_no_target(self) -> None:
        """Without a target no request is sent, and no number is used up
        (3261-12.1.2-e).
        """
        dialog = self.early(contact=None, routes=[P1])
        with self.assertRaises(LocalProtocolError):
            dialog.request("BYE")
        dialog.learn(response(180))
        request = dialog.request("BYE")
        self.assertEqual(request, own_request("BYE", routes=[P1]))

    def test_a_later_unreliable_response(self) -> None:
        """A later unreliable response in a known early dialog brings no new target, and
        no new route set (6141-4.9-a, 6141-4.7-a).
        """
        dialog = self.early(routes=[P1])
        dialog.learn(response(183, contact="<sip:new@a.example>", routes=[P2]))
        self.assertEqual(dialog.request("BYE"), own_request("BYE", routes=[P1]))

    def test_the_2xx(self) -> None:
        """A 2xx confirms the early dialog: its route set is computed anew, its
        sequence numbers stay, its Contact is the new target (3261-13.2.2.4-a,
        6141-4.9-a).
        """
        dialog = self.early(routes=[P1])
        dialog.request("OPTIONS")
        dialog.is_in_order(peer_request("INFO", number=7))
        said = response(200, contact="<sip:new@a.example>", routes=[P2])
        self.assertTrue(dialog.confirm(said))
        self.assertEqual(dialog.state, DialogState.CONFIRMED)
        self.assertEqual(dialog.remote_cseq, 7)
        new = "sip:new@a.example"
        expected = own_request("ACK", number=1, target=new, routes=[P2])
        self.assertEqual(dialog.ack(), expected)
        expected = own_request("BYE", number=3, target=new, routes=[P2])
        self.assertEqual(dialog.request("BYE"), expected)

    def test_the_2xx_without_record_route(self) -> None:
        """The route set is computed anew even where that leaves none
        (3261-13.2.2.4-a).
        """
        dialog = self.early(routes=[P1])
        dialog.confirm(response(200))
        self.assertEqual(dialog.ack().get_all("Route"), [])

    def test_credentials_in_the_ack(self) -> None:
        """The ACK of a 2xx has the INVITE's credentials, and neither Require nor
        Proxy-Require (3261-13.2.2.4-b, 3261-8.2.2.3-a).
        """
        rows = [
            ("Proxy-Authorization", 'Digest username="me"'),
            ("Authorization", 'Digest username="you"'),
            ("Require", "x"),
            ("Proxy-Require", "y"),
        ]
        dialog = Dialog(invite(*rows), "a")
        dialog.confirm(response(200))
        ack = dialog.ack()
        self.assertEqual(ack.get("Proxy-Authorization"), 'Digest username="me"')
        self.assertEqual(ack.get("Authorization"), 'Digest username="you"')
        self.assertIsNone(ack.get("Require"))
        self.assertIsNone(ack.get("Proxy-Require"))
        self.assertIsNone(dialog.request("BYE").get("Authorization"))

    def test_request_uri_from_contact(self) -> None:
        """Of Contact only what may stand in a Request-URI goes there (19.1.1)."""
        contact = "<sip:a@a.example;method=INVITE;x=1?subject=hi>"
        request = self.early(contact=contact).request("BYE")
        self.assertEqual(request.uri_text, "sip:a@a.example;x=1")

    def test_the_first_contact_counts(self) -> None:
        """A response with several Contacts is odd; the first one is taken."""
        dialog = self.early(contact="<sip:one@a.example>, <sip:two@a.example>")
        self.assertEqual(dialog.remote_target, hop("sip:one@a.example"))

    def test_a_contact_that_is_no_sip_uri(self) -> None:
        """It is no target."""
        dialog = Dialog(invite(), "a")
        dialog.learn(response(180, contact="<tel:+1234>"))
        self.assertIsNone(dialog.remote_target)

    def test_an_unreadable_record_route(self) -> None:
        """No request can be sent then: nobody knows which way."""
        dialog = Dialog(invite(), "a")
        with self.assertRaises(ParseError):
            dialog.learn(response(180, routes=["<<"]))
        self.assertIsNone(dialog.remote_target)

    def test_refreshed(self) -> None:
        """Contact of a 2xx to a target refresh request is the new target; a 2xx without
        one, or to another request, changes nothing (3261-12.2.1.2-a).
        """
        dialog = self.early()
        dialog.refreshed_by("OPTIONS", response(200, contact="<sip:x@x.example>"))
        dialog.refreshed_by("UPDATE", response(200, contact=None))
        self.assertEqual(dialog.remote_target, hop("sip:a@a.example"))
        dialog.refreshed_by("UPDATE", response(200, contact="<sip:x@x.example>"))
        self.assertEqual(dialog.remote_target, hop("sip:x@x.example"))

    def test_the_order_of_the_peers_requests(self) -> None:
        """A CSeq that is not higher than the one before is out of order; gaps upwards
        are accepted (3261-12.2.2-a).
        """
        dialog = self.early()
        numbers = [5, 4, 5, 6, 100, 99]
        orders = [dialog.is_in_order(peer_request("INFO", number=n)) for n in numbers]
        self.assertEqual(orders, [True, False, False, True, True, False])

    def test_tel(self) -> None:
        """A tel URI can be called; a dialog of it goes to its Contact."""
        dialog = Dialog(invite(uri="tel:+1234"), "a")
        dialog.confirm(response(200))
        self.assertIsInstance(dialog.next_hop(), SipUri)

    def test_a_late_target(self) -> None:
        """When a target comes after all, the way of the INVITE is not theirs any more
        (3261-12.2.1.2-a).
        """
        dialog = Dialog(invite(("Route", P1)), "a")
        dialog.confirm(response(200, contact=None))
        self.assertEqual(dialog.next_hop(), hop("sip:p1.example;lr"))
        dialog.refreshed_by("UPDATE", response(200))
        self.assertEqual(dialog.next_hop(), hop("sip:a@a.example"))

    def test_a_strict_router_and_an_odd_contact(self) -> None:
        """What may not stand in a Request-URI does not reach it by way of a strict
        router either, which moves the last Route there (16.4, 19.1.1).
        """
        contact = "<sip:a@a.example;method=INVITE?subject=hi>"
        dialog = self.early(contact=contact, routes=["<sip:strict.example>"])
        routes = dialog.request("BYE").get_all("Route")
        self.assertEqual(routes, ["<sip:a@a.example>"])

    def test_session_refresh_requests(self) -> None:
        """In all of them "the values of Supported, Require, and Proxy-Require used in
        the initial Session refresh request MUST be used" (RFC 4028 section 7.4).
        """
        rows = [("Supported", "199, timer"), ("Require", "x"), ("Proxy-Require", "y")]
        dialog = Dialog(invite(*rows), "a")
        dialog.learn(response(180))
        for method in ("UPDATE", "INVITE"):
            request = dialog.request(method)
            self.assertEqual(request.get_all("Supported"), ["199, timer"])
            self.assertEqual(request.get_all("Require"), ["x"])
            self.assertEqual(request.get_all("Proxy-Require"), ["y"])
        other = dialog.request("INFO")
        self.assertEqual(other.get_all("Supported"), ["timer"])
        self.assertIsNone(other.get("Require"))
        self.assertIsNone(other.get("Proxy-Require"))

    def test_support_of_session_timers(self) -> None:
        """Who supports it "MUST include a Supported header field in each request
        (except ACK), listing the option tag 'timer'" (RFC 4028 section 7.1).
        """
        dialog = Dialog(invite(("Supported", "199")), "a")
        dialog.confirm(response(200))
        for method in ("UPDATE", "INVITE", "BYE", "INFO"):
            self.assertTrue(dialog.request(method).has_token("Supported", "timer"))
        self.assertTrue(dialog.request("UPDATE").has_token("Supported", "199"))
        self.assertIsNone(dialog.ack().get("Supported"))

    def test_user_agent(self) -> None:
        """Every request in the dialog says what sent it, as the INVITE did (20.41)."""
        dialog = Dialog(invite(("User-Agent", "phone/1")), "a")
        dialog.confirm(response(200))
        for request in (dialog.ack(), dialog.request("BYE")):
            self.assertEqual(request.get_all("User-Agent"), ["phone/1"])
        self.assertIsNone(self.early().request("BYE").get("User-Agent"))

    def test_no_contact_of_ours(self) -> None:
        """Where the INVITE had no Contact none is made up later."""
        dialog = Dialog(invite().without("Contact"), "a")
        dialog.learn(response(180))
        request = dialog.request("UPDATE", has_contact=True)
        self.assertIsNone(request.get("Contact"))
        self.assertEqual(dialog.contact_rows, ())

    def test_tel_without_contact(self) -> None:
        """A 2xx to it without Contact leaves the number as the Request-URI, whole, and
        the way of the INVITE.
        """
        dialog = Dialog(invite(("Route", "<sip:p.example;lr>"), uri="tel:+1;x=y"), "a")
        dialog.confirm(response(200, contact=None))
        self.assertEqual(dialog.request("BYE").uri_text, "tel:+1;x=y")

    def test_refreshed_by_the_peer(self) -> None:
        """The Contact of the peer's target refresh request is the new target; that of
        another request is not (3261-12.2.2-b).
        """
        dialog = self.early()
        contact = [("Contact", "<sip:x@x.example>")]
        dialog.refreshed_by_peer(peer_request("INFO", headers=contact))
        self.assertEqual(dialog.remote_target, hop("sip:a@a.example"))
        dialog.refreshed_by_peer(peer_request("UPDATE", headers=contact))
        self.assertEqual(dialog.remote_target, hop("sip:x@x.example"))

    def test_who_we_are(self) -> None:
        """Its requests name the product that the INVITE has named (3261-20.41-a)."""
        dialog = Dialog(invite(("User-Agent", "sipuac")), "a")
        dialog.learn(response(180))
        self.assertEqual(dialog.request("BYE").get("User-Agent"), "sipuac")

    def test_what_we_support(self) -> None:
        """Session refresh requests support what the INVITE did, and nothing twice
        (4028-7.4-b).
        """
        for rows, expected in (
            ([("Supported", "100rel, timer")], ["100rel, timer"]),
            ([("Supported", "100rel")], ["timer", "100rel"]),
        ):
            dialog = Dialog(invite(*rows), "a")
            dialog.learn(response(180))
            update = dialog.request("UPDATE", has_contact=True)
            self.assertEqual(update.get_all("Supported"), expected)
