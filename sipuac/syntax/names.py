"""Names of methods and of header fields, one canonical spelling for each field.

The canonical spelling is the long form as the RFC that defines the field prints it.
A name that is not listed here stays as it was written, and is compared without regard
to case (RFC 3261 section 7.3.1).
"""

from __future__ import annotations

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


#: Canonical names by the spellings that came in messages: those of `USUAL_SPELLINGS`
#: and what `read_name` has learned. One look-up is all that a header line costs, also
#: for the names that we do not know: those that a network uses are few and come again.
spellings = dict(USUAL_SPELLINGS)

#: How many names are learned before all of them are forgotten, and how long they may
#: be: nobody can fill our memory with them.
_MAX_LEARNED = 1024
_MAX_LENGTH = 64


def read_name(text: str) -> str:
    """The canonical name for what stands before the colon of a received header line.

    It is in `spellings` from then on.

    Raises:
        ParseError: That is no token.
    """
    # "HCOLON = *( SP / HTAB ) ":" SWS" (RFC 3261 section 25.1).
    name = text.rstrip(" \t")
    if not is_token(name):
        raise ParseError(f"a header field has no name that is a token: {name[:60]!r}")
    name = canonical_name(name)
    if len(text) <= _MAX_LENGTH:
        if len(spellings) >= len(USUAL_SPELLINGS) + _MAX_LEARNED:
            spellings.clear()
            spellings.update(USUAL_SPELLINGS)
        spellings[text] = name
    return name
