"""SIP, SIPS and tel URIs, and what is kept of all others (RFC 3261 section 19.1).

Components are kept as they were written, escapes included, so that a URI is rendered as
it came; comparison and the `unescaped` views undo the escapes, once.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote as _percent_encode
from urllib.parse import unquote as _percent_decode

from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.hosts import (
    HOST,
    HOST_AND_PORT,
    bracketed,
    is_same_host,
    read_host,
    read_port,
)
from sipuac.syntax.lexical import (
    Parameters,
    find_parameter,
    remove_parameter,
    render_parameters,
    set_parameter,
    split_parameters,
)
from sipuac.syntax.values import value

# Unreserved characters, and those that each component allows beside them.
_UNRESERVED = r"A-Za-z0-9\-_.!~*'()"
_USER_MARKS = "&=+$,;?/"
_PASSWORD_MARKS = "&=+$,"
_PARAMETER_MARKS = "[]/:&+$"
_HEADER_MARKS = "[]/?:+$"
_ALWAYS_SAFE = "-_.!~*'()"

# "#" has to be escaped in a user part, but telephone systems send it bare.
_USER = rf"[{_UNRESERVED}&=+$,;?/%#]++"
_PASSWORD = rf"[{_UNRESERVED}&=+$,%]*+"
_PARAMETER_CHARACTERS = rf"[{_UNRESERVED}\[\]/:&+$%]"
# "=" has to be escaped in a value, but proxies put tags that end in it into their
# Record-Route.
_PARAMETER_VALUE = rf"[{_UNRESERVED}\[\]/:&+$%=]"
_HEADER_CHARACTERS = rf"[{_UNRESERVED}\[\]/?:+$%]"

_SIP_PARTS = re.compile(
    rf"(?:({_USER})(?::({_PASSWORD}))?@)?({HOST})(?::([0-9]++))?"
    rf"((?:;{_PARAMETER_CHARACTERS}++(?:={_PARAMETER_VALUE}*+)?+)*+)"
    rf"(?:\?({_HEADER_CHARACTERS}++={_HEADER_CHARACTERS}*+"
    rf"(?:&{_HEADER_CHARACTERS}++={_HEADER_CHARACTERS}*+)*+))?"
)
#: What nearly all SIP URIs are, without escapes and headers: groups in the order of the
#: attributes of `SipUri`, but that one holds host and port.
PLAIN_SIP_URI = (
    rf"(sips?):(?:({_USER})(?::({_PASSWORD}))?@)?({HOST_AND_PORT})"
    rf"((?:;{_PARAMETER_CHARACTERS}++(?:={_PARAMETER_VALUE}*+)?+)*+)"
).replace("%", "")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+\-.]*+")
_OPAQUE = re.compile(r'[^\x00-\x20\x7F<>"]++')
# A number has at least one digit beside its visual separators.
_TEL_NUMBER = re.compile(
    r"\+[\-.()]*+[0-9][0-9\-.()]*+|[\-.()]*+[0-9A-Fa-f*#][0-9A-Fa-f*#\-.()]*+"
)
# Only an ISDN subaddress may hold reserved characters.
_TEL_PARAMETERS = re.compile(
    rf"(?:;(?:[Ii][Ss][Uu][Bb]=[{_UNRESERVED}/?:@&=+$,%]++"
    rf"|[A-Za-z0-9\-]++(?:={_PARAMETER_CHARACTERS}++)?+))*+"
)
_VISUAL_SEPARATORS = str.maketrans("", "", "-.()")

# "A URI ... with a user, ttl, method, maddr or transport parameter in one only does not
# match" (RFC 3261 section 19.1.4).
_COMPARED_ALWAYS = ("transport", "user", "ttl", "method", "maddr")

_NOT_OF_AN_IDENTITY = frozenset(["method", "maddr", "ttl", "transport", "lr"])


def unescape(text: str) -> str:
    """Undo %-escapes, once; octets that are no UTF-8 become surrogates."""
    return _percent_decode(text, "utf-8", "surrogateescape") if "%" in text else text


@value(frozen=True, slots=True)
class SipUri:
    """A SIP or SIPS URI (RFC 3261 section 19.1.1).

    Attributes:
        scheme: "sip" or "sips".
        user: The user part as written, escapes included; None without one.
        password: The password as written; None without one.
        host: A name or an address, IPv6 without brackets.
        port: 1 to 65535, None where the URI has none.
        parameters: Names and values as written, None for a value without "=".
        headers: Names and values after "?", as written.
    """

    scheme: str
    user: str | None
    password: str | None
    host: str
    port: int | None = None
    parameters: Parameters = ()
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def make(
        cls,
        user: str | None,
        host: str,
        port: int | None = None,
        *,
        scheme: str = "sip",
        parameters: Parameters = (),
    ) -> SipUri:
        """A URI from parts that are not escaped yet.

        Raises:
            LocalProtocolError: The host or the port cannot be one, or a text is no
                Unicode text.
        """
        try:
            host = read_host(bracketed(host.removeprefix("[").removesuffix("]")))
        except ParseError as error:
            raise LocalProtocolError(str(error)) from error
        if port is not None and not 0 < port < 65536:
            raise LocalProtocolError(f"not a port: {port}")
        escaped_user = None if not user else escape(user, _USER_MARKS)
        escaped = tuple(
            [
                (
                    escape(name, _PARAMETER_MARKS),
                    None if text is None else escape(text, _PARAMETER_MARKS),
                )
                for name, text in parameters
            ]
        )
        return cls(scheme, escaped_user, None, host, port, escaped)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        text = f"{self.scheme}:{host}"
        if self.user is not None:
            password = "" if self.password is None else f":{self.password}"
            text = f"{self.scheme}:{self.user}{password}@{host}"
        if self.port is not None:
            text = f"{text}:{self.port}"
        if self.parameters:
            text += render_parameters(self.parameters)
        if self.headers:
            text += "?" + "&".join([f"{name}={text}" for name, text in self.headers])
        return text

    def parameter(self, name: str) -> str | None:
        """Value of a parameter, unescaped; "" if it has none, None if it is absent."""
        found = find_parameter(self._plain_parameters(), name.lower())
        return None if found is None else unescape(found)

    def has_parameter(self, name: str) -> bool:
        """Whether the parameter is there, with a value or without."""
        return find_parameter(self._plain_parameters(), name.lower()) is not None

    def header(self, name: str) -> str | None:
        """Value of a header component, unescaped; None if it is absent."""
        wanted = name.lower()
        for key, text in self.headers:
            if unescape(key).lower() == wanted:
                return unescape(text)
        return None

    def with_parameter(self, name: str, text: str | None = None) -> SipUri:
        """A copy with this parameter set; the value is escaped where it has to be."""
        escaped = None if text is None else escape(text, _PARAMETER_MARKS)
        parameters = set_parameter(self.parameters, name, escaped)
        return self._with(parameters, self.headers)

    def without_parameter(self, name: str) -> SipUri:
        """A copy without this parameter."""
        return self._with(remove_parameter(self.parameters, name), self.headers)

    def request_target(self) -> SipUri:
        """What of this URI may stand in a Request-URI (RFC 3261 section 19.1.5).

        That is all but its `method` parameter and its headers.
        """
        if not self.headers and not self.has_parameter("method"):
            return self
        kept = [pair for pair in self.parameters if _plain(pair[0]) != "method"]
        return self._with(tuple(kept), ())

    def logical_identity(self) -> SipUri:
        """What of this URI may stand in To and From (section 19.1.1, table 1).

        That is who somebody is, and not how a request gets there: no port, no headers,
        and none of the parameters method, maddr, ttl, transport and lr.
        """
        parameters = tuple(
            [
                parameter
                for parameter in self.parameters
                if _plain(parameter[0]) not in _NOT_OF_AN_IDENTITY
            ]
        )
        return SipUri(
            self.scheme, self.user, self.password, self.host, None, parameters, ()
        )

    def is_equivalent(self, other: object) -> bool:
        """Whether two URIs are equal by the rules of RFC 3261 section 19.1.4."""
        if not isinstance(other, SipUri):
            return False
        return (
            self.scheme == other.scheme
            and self.port == other.port
            and _comparable(self.user) == _comparable(other.user)
            and _comparable(self.password) == _comparable(other.password)
            and is_same_host(self.host, other.host)
            and _has_equal_parameters(self, other)
            and _comparable_headers(self) == _comparable_headers(other)
        )

    @property
    def unescaped_user(self) -> str | None:
        """The user part with its escapes undone."""
        return None if self.user is None else unescape(self.user)

    @property
    def is_secure(self) -> bool:
        """Whether the scheme is sips."""
        return self.scheme == "sips"

    @property
    def is_loose_router(self) -> bool:
        """Whether the element of this route routes loosely (`lr`, section 19.1.1)."""
        return self.has_parameter("lr")

    @property
    def transport(self) -> str | None:
        """The transport that the URI asks for, in upper case; "TLS" for sips."""
        if self.scheme == "sips":
            return "TLS"
        transport = self.parameter("transport")
        return transport.upper() if transport else None

    def _plain_parameters(self) -> Parameters:
        # "%6C%72" is another way to write "lr" (RFC 4475 section 3.1.1.3).
        for name, _ in self.parameters:
            if "%" in name:
                return tuple([(unescape(key), text) for key, text in self.parameters])
        return self.parameters

    def _with(
        self, parameters: Parameters, headers: tuple[tuple[str, str], ...]
    ) -> SipUri:
        return SipUri(
            self.scheme,
            self.user,
            self.password,
            self.host,
            self.port,
            parameters,
            headers,
        )


@value(frozen=True, slots=True)
class TelUri:
    """A telephone number (RFC 3966).

    Attributes:
        number: The number as written, visual separators included.
        parameters: Names and values as written, None for a value without "=".
    """

    number: str
    parameters: Parameters = ()

    def __str__(self) -> str:
        return f"tel:{self.number}{render_parameters(self.parameters)}"

    @property
    def scheme(self) -> str:
        """Always "tel"."""
        return "tel"

    def parameter(self, name: str) -> str | None:
        """Value of a parameter, unescaped; "" if it has none, None if it is absent."""
        found = find_parameter(self.parameters, name.lower())
        return None if found is None else unescape(found)

    def is_equivalent(self, other: object) -> bool:
        """Whether two numbers are equal by the rules of RFC 3966 section 4."""
        return (
            isinstance(other, TelUri)
            and _plain_number(self.number) == _plain_number(other.number)
            and _comparable_descriptors(self) == _comparable_descriptors(other)
        )


@value(frozen=True, slots=True)
class OtherUri:
    """A URI of a scheme that we only carry.

    Attributes:
        scheme: The scheme as written.
        rest: All that follows the first colon.
    """

    scheme: str
    rest: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.rest}"

    def is_equivalent(self, other: object) -> bool:
        """Whether the two are the same text, the scheme without regard to case."""
        return (
            isinstance(other, OtherUri)
            and self.scheme.lower() == other.scheme.lower()
            and self.rest == other.rest
        )


Uri = SipUri | TelUri | OtherUri


def parse_uri(text: str) -> Uri:
    """The URI that the text is, without angle brackets or surrounding space.

    Raises:
        ParseError: It is none, or a sip, sips or tel URI that its grammar forbids.
    """
    scheme, colon, rest = text.partition(":")
    if not colon:
        raise ParseError(f"a URI without scheme: {text[:80]!r}")
    if scheme == "sip" or scheme == "sips":
        return _parse_sip(scheme, rest)
    if _SCHEME.fullmatch(scheme) is None:
        raise ParseError(f"not the scheme of a URI: {scheme[:40]!r}")
    lower = scheme.lower()
    if lower == "sip" or lower == "sips":
        return _parse_sip(lower, rest)
    if lower == "tel":
        return _parse_tel(rest)
    if _OPAQUE.fullmatch(rest) is None:
        raise ParseError(f"not a URI: {text[:80]!r}")
    return OtherUri(scheme, rest)


def escape(text: str, marks: str) -> str:
    """Escape all but unreserved characters and the given marks (section 19.1.2).

    Raises:
        LocalProtocolError: It is no Unicode text.
    """
    try:
        return _percent_encode(text, _ALWAYS_SAFE + marks, "utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise LocalProtocolError("a URI cannot hold what is no Unicode") from error


# ";lr" and ";transport=tcp" are in every message. What is long is not kept.
_split_short_parameters = lru_cache(maxsize=256)(split_parameters)


def split_usual_parameters(text: str) -> Parameters:
    """The parameters of a URI as its text has them, each after a semicolon."""
    return _split_short_parameters(text) if len(text) < 24 else split_parameters(text)


def _parse_sip(scheme: str, rest: str) -> SipUri:
    parts = _SIP_PARTS.fullmatch(rest)
    if parts is None or ("%" in rest and _BAD_ESCAPE.search(rest)):
        raise ParseError(f"not a SIP URI: {f'{scheme}:{rest}'[:80]!r}")
    user, password, host, port, parameters, headers = parts.groups()
    return SipUri(
        scheme,
        user,
        password,
        read_host(host),
        None if port is None else read_port(port),
        split_usual_parameters(parameters) if parameters else (),
        _split_headers(headers) if headers else (),
    )


def _parse_tel(rest: str) -> TelUri:
    number, semicolon, parameters = rest.partition(";")
    section = semicolon + parameters
    if (
        _TEL_NUMBER.fullmatch(number) is None
        or _TEL_PARAMETERS.fullmatch(section) is None
        or _BAD_ESCAPE.search(section)
    ):
        raise ParseError(f"not a tel URI: {rest[:80]!r}")
    return TelUri(number, split_parameters(section) if section else ())


def _plain(name: str) -> str:
    """The name of a parameter, unescaped and in lower case."""
    return unescape(name).lower()


def _split_headers(section: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for piece in section.split("&"):
        name, _, text = piece.partition("=")
        pairs.append((name, text))
    return tuple(pairs)


_RESERVED_ESCAPE = re.compile(r"%(2[46BCF]|3[ABDF]|40)", re.IGNORECASE)


def _comparable(text: str | None) -> str | None:
    """The component with all escapes undone but those of reserved characters.

    "Characters other than those in the 'reserved' set are equivalent to their '%' HEX
    HEX encoding" (RFC 3261 section 19.1.4).
    """
    if text is None or "%" not in text:
        return text
    pieces = _RESERVED_ESCAPE.split(text)
    # Every second piece is the hexadecimal number of a reserved character. A NUL cannot
    # stand in a URI unescaped, so that it marks what must stay apart.
    return "".join(
        [
            f"\0{piece.upper()}" if index % 2 else unescape(piece)
            for index, piece in enumerate(pieces)
        ]
    )


def _comparable_parameters(uri: SipUri) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for name, text in uri.parameters:
        pairs.setdefault(unescape(name).lower(), (_comparable(text) or "").lower())
    return pairs


def _comparable_headers(uri: SipUri) -> list[tuple[str, str]]:
    pairs = [
        (unescape(name).lower(), _comparable(text) or "") for name, text in uri.headers
    ]
    return sorted(pairs)


def _has_equal_parameters(one: SipUri, other: SipUri) -> bool:
    if one.parameters == other.parameters:
        return True
    mine, their = _comparable_parameters(one), _comparable_parameters(other)
    if any((name in mine) != (name in their) for name in _COMPARED_ALWAYS):
        return False
    return all(their.get(name, text) == text for name, text in mine.items())


def _plain_number(number: str) -> str:
    return number.translate(_VISUAL_SEPARATORS).lower()


def _comparable_descriptors(uri: TelUri) -> dict[str, str | None]:
    """The parameters of a number, made equal where they mean the same."""
    pairs: dict[str, str | None] = {}
    for key, text in uri.parameters:
        name = key.lower()
        plain = None if text is None else unescape(text).lower()
        # An extension is digits, and a context may be a number of its own.
        if plain and (
            name == "ext" or (name == "phone-context" and plain.startswith("+"))
        ):
            plain = _plain_number(plain)
        pairs.setdefault(name, plain)
    return pairs
