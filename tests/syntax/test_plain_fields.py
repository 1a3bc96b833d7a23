"""The fast ways to read Via and addresses say what the whole grammar says."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import ParseError
from sipuac.syntax import fields_routing
from sipuac.syntax.fields import NameAddress, Via

_NOTHING = re.compile(r"(?!)")

_URIS = [
    "sip:example.com",
    "sips:a:b@example.com:5061;lr",
    "sip:+49;ext=1@[2001:db8::1]:5060;transport=tcp;lr",
    "sip:a%40b@example.com",
    "sip:example.com:0",
    "sip:example.com:99999",
    "sip:example.com:05060",
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
