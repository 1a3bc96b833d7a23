"""The fast ways to read Via and addresses say what the whole grammar says."""

from __future__ import annotations

import pickle
import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import ParseError
from sipuac.syntax import fields_routing
from sipuac.syntax.fields import NameAddress, Via
from sipuac.syntax.fields_routing import read_route
from sipuac.syntax.uri import SipUri

_NOTHING = re.compile(r"(?!)")

_URIS = [
    "sip:example.com",
    "sips:a:b@example.com:5061;lr",
    "sip:+49;ext=1@[2001:db8::1]:5060;transport=tcp;lr",
    "sip:a%40b@example.com",
    "sip:example.com:0",
    "sip:example.com:99999",
    "sip:example.com:05060",
    "sip:[::1]:0005060",
    "sip:[::1",
    "sip:::1",
    "sip:a]",
    "sip:a:",
    "sip:a:1:2",
    "sip:444.555.666.777",
    "sip:a@b@c",
    "sip:example.com;lr=;x=a=b",
    "sip:example.com?Subject=x",
    "tel:+49",
    "SIP:example.com",
    "",
]
_PARAMETERS = ["", ";tag=a", ";tag=a;tag=b", ";x", " ; x = y", ';x="a;b"', ";x=", ";"]
_NAMES = ["", '""', '"a" ', '"a"', '"a\\"b" ', '"a"  ', "A  B ", " ", "a,b ", "ä "]

_ADDRESSES = st.builds(
    "{}<{}>{}".format,
    st.sampled_from(_NAMES),
    st.sampled_from(_URIS),
    st.sampled_from(_PARAMETERS),
)
_VIAS = st.builds(
    "{}/{} {}{}{}".format,
    st.sampled_from(["SIP/2.0", "SIP / 2.0", "sip/2.0", "SIP/3.0", "SIP/2.00"]),
    st.sampled_from(["UDP", "tls", "TLS-SCTP", ""]),
    st.sampled_from(["a.b", "192.0.2.1", "[2001:db8::1]", "1.2.3.444", "a..b", ""]),
    st.sampled_from(["", ":5060", ":0", ":65535", ":65536", ":005060", ": 1", ":"]),
    st.sampled_from(_PARAMETERS),
)


class PlainFieldTests(SynchronousTestCase):
    """Whatever is read fast is read alike without that."""

    def check(self, kind: type[Via] | type[NameAddress], name: str, text: str) -> None:
        """Read with the fast way and without."""
        fast = _read(kind, text)
        plain = getattr(fields_routing, name)
        setattr(fields_routing, name, _NOTHING)
        try:
            self.assertEqual(fast, _read(kind, text))
        finally:
            setattr(fields_routing, name, plain)

    @given(_ADDRESSES)
    def test_addresses(self, text: str) -> None:
        """An address has the same parts, or is refused both ways."""
        self.check(NameAddress, "_PLAIN_ADDRESS", text)

    @given(_VIAS)
    def test_vias(self, text: str) -> None:
        """A Via has the same parts, or is refused both ways."""
        self.check(Via, "_PLAIN_VIA", text)

    def test_routes(self) -> None:
        """What is kept of routes is what is read, and errors are not kept."""
        for text in ("<sip:a;lr>", "<sip:a;lr>", f"<sip:{'u' * 100}@a;lr>"):
            self.assertEqual(read_route(text), NameAddress.parse(text))
        for _ in range(2):
            self.assertRaises(ParseError, read_route, "<sip:a:0;lr>")

    def test_late_parts(self) -> None:
        """What was read late is a value like any other: equal, hashed and printed by
        its parts.
        """
        for text, made in (
            (
                '"A" <sip:a@[::1]:5070;lr>;tag=b',
                NameAddress(
                    "A",
                    SipUri("sip", "a", None, "::1", 5070, (("lr", None),)),
                    (("tag", "b"),),
                ),
            ),
            ("SIP/2.0/UDP a.b;rport", Via("UDP", "a.b", None, (("rport", None),))),
        ):
            kind = type(made)
            self.assertEqual(kind.parse(text), made)
            self.assertEqual(made, kind.parse(text))
            self.assertEqual(hash(kind.parse(text)), hash(made))
            self.assertEqual(repr(kind.parse(text)), repr(made))
            self.assertEqual(str(kind.parse(text)), text)
            self.assertEqual(pickle.loads(pickle.dumps(kind.parse(text))), made)
            self.assertEqual(replace(kind.parse(text), parameters=()).parameters, ())
            self.assertRaises(AttributeError, getattr, kind.parse(text), "tags")
            self.assertNotEqual(kind.parse(text), text)
            self.assertNotEqual(kind.parse(text), kind.parse(text + ";x"))

    def test_errors_are_found_at_once(self) -> None:
        """That the parts come late lets nothing through that is no address, no Via."""
        for place in ("a:0", "a:65536", "1.2.3", "a..b", "[1]", "[::1", ""):
            self.assertRaises(ParseError, NameAddress.parse, f"<sip:{place};lr>")
            self.assertRaises(ParseError, Via.parse, f"SIP/2.0/UDP {place};rport")

    def test_all_combinations(self) -> None:
        """The same for each name, URI and parameter with each other."""
        for name in _NAMES:
            for uri in _URIS:
                for parameters in _PARAMETERS:
                    text = f"{name}<{uri}>{parameters}"
                    self.check(NameAddress, "_PLAIN_ADDRESS", text)


def _read(kind: type[Via] | type[NameAddress], text: str) -> Via | NameAddress | None:
    try:
        return kind.parse(text)
    except ParseError:
        return None
