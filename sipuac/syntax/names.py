"""Names of methods and of header fields, one canonical spelling for each field.

The canonical spelling is the long form as the RFC that defines the field prints it.
A name that is not listed here stays as it was written, and is compared without regard
to case (RFC 3261 section 7.3.1).
"""

from __future__ import annotations

from functools import lru_cache

from sipuac.errors import ParseError
from sipuac.syntax.lexical import is_token

#: The registered methods.
METHODS = frozenset(
    "ACK BYE CANCEL INFO INVITE MESSAGE NOTIFY OPTIONS PRACK PUBLISH REFER REGISTER "
    "SUBSCRIBE UPDATE".split()
)

#: RFC 3261 section 7.3.3 and the extensions that define a letter.
COMPACT_FORMS = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}

_LONG_FORMS = (
    "Accept Accept-Contact Accept-Encoding Accept-Language Accept-Resource-Priority "
    "Alert-Info Allow Allow-Events Answer-Mode Authentication-Info Authorization "
    "Call-ID Call-Info Contact Content-Disposition Content-Encoding Content-ID "
    "Content-Language Content-Length Content-Type CSeq Date Error-Info Event Expires "
    "Feature-Caps Flow-Timer From Geolocation Geolocation-Error Geolocation-Routing "
    "History-Info Identity Identity-Info In-Reply-To Info-Package Join Max-Breadth "
    "Max-Forwards MIME-Version Min-Expires Min-SE Organization "
    "P-Access-Network-Info P-Answer-State P-Asserted-Identity P-Asserted-Service "
    "P-Associated-URI P-Called-Party-ID P-Charging-Function-Addresses "
    "P-Charging-Vector P-Early-Media P-Media-Authorization P-Preferred-Identity "
    "P-Preferred-Service P-Private-Network-Indication P-Served-User P-User-Database "
    "P-Visited-Network-ID Path Permission-Missing Policy-Contact Policy-ID Priority "
    "Priv-Answer-Mode Privacy Proxy-Authenticate Proxy-Authorization Proxy-Require "
    "RAck Reason Reason-Phrase Record-Route Recv-Info Refer-Sub Refer-To Referred-By "
    "Reject-Contact Replaces Reply-To Request-Disposition Require Resource-Priority "
    "Retry-After Route RSeq Security-Client Security-Server Security-Verify Server "
    "Service-Route Session-Expires Session-ID SIP-ETag SIP-If-Match Subject "
    "Subscription-State Supported Suppress-If-Match Target-Dialog Timestamp To "
    "Trigger-Consent Unsupported User-Agent User-to-User Via Warning "
    "WWW-Authenticate"
).split()

#: Canonical name by lower-case name, long and compact.
_BY_LOWER_CASE = {name.lower(): name for name in _LONG_FORMS} | COMPACT_FORMS

#: Canonical name by the spellings that nearly every message uses: one look-up is all
#: that most header lines cost.
USUAL_SPELLINGS = (
    {name: name for name in _LONG_FORMS}
    | {name.title(): name for name in _LONG_FORMS}
    | _BY_LOWER_CASE
    | {letter.upper(): name for letter, name in COMPACT_FORMS.items()}
)


def canonical_name(name: str) -> str:
    """The long form of a field name, in the RFC's spelling; unknown names unchanged."""
    known = USUAL_SPELLINGS.get(name)
    if known is None:
        # Some characters beyond ASCII have an ASCII lower-case form.
        known = _BY_LOWER_CASE.get(name.lower()) if name.isascii() else None
    return name if known is None else known


def read_name(text: str) -> str:
    """The canonical name for what stands before the colon of a received header line.

    Raises:
        ParseError: That is no token.
    """
    # The unknown names that a network uses are few and come again. Long ones are not
    # kept, so that nobody can fill our memory with them.
    return _read_short_name(text) if len(text) <= 64 else _read_name(text)


def _read_name(text: str) -> str:
    # "HCOLON = *( SP / HTAB ) ":" SWS" (RFC 3261 section 25.1).
    name = text.rstrip(" \t")
    if not is_token(name):
        raise ParseError(f"a header field has no name that is a token: {name[:60]!r}")
    return canonical_name(name)


_read_short_name = lru_cache(maxsize=1024)(_read_name)
