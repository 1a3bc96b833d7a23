"""What the Contact fields of a 2xx to REGISTER say."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.registration.bindings import (
    bindings_of,
    min_expires_of,
    own_bindings,
    own_contact,
    service_routes_of,
)
from sipuac.syntax.fields import NameAddress
from sipuac.syntax.message import Response

INSTANCE = "urn:uuid:00000000-0000-1000-8000-000A95A0E128"


def answer(*fields: tuple[str, str]) -> Response:
    """A 200 with these fields."""
    return Response(200, "OK", fields)


class BindingTests(SynchronousTestCase):
    """Tests of the functions."""

    def test_expiry(self) -> None:
        """The parameter counts before Expires, and Expires before 3600."""
        contact = ("Contact", "<sip:a@192.0.2.1>;expires=60, <sip:b@192.0.2.2>")
        found = bindings_of(answer(contact, ("Expires", "120")))
        self.assertEqual([one.expires for one in found], [60, 120])
        found = bindings_of(answer(contact))
        self.assertEqual([one.expires for one in found], [60, 3600])

    def test_malformed_expiry(self) -> None:
        """A malformed value in the answer is read as 3600 (3261-10.2.1.1-a)."""
        found = bindings_of(answer(("Contact", "<sip:a@192.0.2.1>;expires=soon")))
        self.assertEqual([one.expires for one in found], [3600])
        found = bindings_of(
            answer(("Contact", "<sip:a@192.0.2.1>"), ("Expires", "soon"))
        )
        self.assertEqual([one.expires for one in found], [3600])

    def test_unreadable_contact(self) -> None:
        """A Contact that cannot be read is no binding of ours."""
        for text in ("<<<", "<sip:a@192.0.2.1"):
            self.assertEqual(bindings_of(answer(("Contact", text))), [], text)

    def test_own_by_comparison(self) -> None:
        """Own bindings are found "by URI comparison" (3261-10.2.4-a)."""
        rows = "<sip:me@EXAMPLE.com;Transport=TCP>;expires=9, <sip:you@example.com>"
        ours = [NameAddress.parse("<sip:me@example.com;transport=tcp>")]
        found = own_bindings(bindings_of(answer(("Contact", rows))), ours)
        self.assertEqual([one.expires for one in found], [9])

    def test_own_by_instance(self) -> None:
        """A binding with our instance and reg-id is ours, whatever its address."""
        sent = own_contact(NameAddress.parse("<sip:me@10.0.0.1>"), 600, INSTANCE, 1)
        self.assertEqual(
            str(sent),
            f'<sip:me@10.0.0.1>;+sip.instance="<{INSTANCE}>";reg-id=1;expires=600',
        )
        rows = (
            f'<sip:me@192.0.2.9:4711>;+sip.instance="<{INSTANCE}>";reg-id=1;expires=7,'
            f'<sip:me@192.0.2.9:4712>;+sip.instance="<{INSTANCE}>";reg-id=2;expires=8'
        )
        found = own_bindings(bindings_of(answer(("Contact", rows))), [sent])
        self.assertEqual([one.expires for one in found], [7])

    def test_min_expires(self) -> None:
        """The Min-Expires of a 423, where it can be read."""
        found = [
            min_expires_of(Response(423, "", (("Min-Expires", text),)))
            for text in ("7200", "x", "99999999999")
        ]
        self.assertEqual(found, [7200, None, 2**32 - 1])
        self.assertIsNone(min_expires_of(Response(423, "", ())))

    def test_service_route(self) -> None:
        """Its order is kept; one that cannot be read is none
        (3608-6.1-a).
        """
        fields = (
            ("Service-Route", "<sip:p2.example.com;lr>, <sip:hsp.example.com;lr>"),
            ("Service-Route", "<sip:p3.example.com;lr>"),
        )
        self.assertEqual(
            [str(route) for route in service_routes_of(answer(*fields))],
            [
                "<sip:p2.example.com;lr>",
                "<sip:hsp.example.com;lr>",
                "<sip:p3.example.com;lr>",
            ],
        )
        self.assertEqual(service_routes_of(answer(("Service-Route", "<x"))), ())

    def test_contact_without_an_instance(self) -> None:
        """Who has no instance sends none, and no reg-id (RFC 5626 section 4.2.1)."""
        sent = own_contact(NameAddress.parse("<sip:me@10.0.0.1>"), 600, None, None)
        self.assertEqual(str(sent), "<sip:me@10.0.0.1>;expires=600")
