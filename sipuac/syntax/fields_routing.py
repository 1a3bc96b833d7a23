"""The fields that say where a message goes and who it is from: Via and addresses."""

from __future__ import annotations

import re
from functools import lru_cache

from sipuac.errors import ParseError
from sipuac.syntax.hosts import (
    HOST,
    HOST_AND_PORT,
    bracketed,
    read_host,
    read_host_and_port,
    read_port,
)
from sipuac.syntax.lexical import (
    PLAIN_PARAMETERS,
    QUOTED_STRING,
    TOKEN,
    WHITE_SPACE,
    Parameters,
    find_parameter,
    parse_integer,
    parse_parameters,
    parse_seconds,
    quote,
    remove_parameter,
    render_parameters,
    set_parameter,
    split_parameters,
    unquote,
)
from sipuac.syntax.uri import (
    PLAIN_SIP_URI,
    SipUri,
    Uri,
    parse_uri,
    split_usual_parameters,
)
from sipuac.syntax.values import Late, value

_VIA = re.compile(
    rf"[Ss][Ii][Pp][ \t]*+/[ \t]*+2\.0[ \t]*+/[ \t]*+({TOKEN})[ \t]++({HOST})"
    r"(?:[ \t]*+:[ \t]*+([0-9]++))?+[ \t]*+(;.*)?",
    re.DOTALL,
)
# How nearly all are written; what this does not match may still be a Via.
_PLAIN_VIA = re.compile(rf"SIP/2\.0/([A-Z]++) ({HOST_AND_PORT})({PLAIN_PARAMETERS})")
# An unquoted display name should be tokens; other printable text is met and harmless.
_NAME_ADDRESS = re.compile(
    rf"(?:({QUOTED_STRING})[ \t]*+|([^\x00-\x08\x0A-\x1F\x7F\"\\,;<>]*+))"
    r"<([^<>]++)>[ \t]*+(;.*)?",
    re.DOTALL,
)
# One match for all of the usual address: three in turn and their functions take twice
# as long. What this does not match may still be an address.
_PLAIN_ADDRESS = re.compile(
    r'(?:"([^"\\]*+)" ?+|([A-Za-z0-9\-.!%*_+`\'~ ]*+))'
    rf"<{PLAIN_SIP_URI}>({PLAIN_PARAMETERS})"
)
_ADDRESS = re.compile(r'([^\x00-\x20\x7F,;?<>"]++)[ \t]*+(;.*)?', re.DOTALL)
# Makes one without `__init__`.
_new = object.__new__

_QVALUE = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")

_DEFAULT_PORTS = {"TLS": 5061, "WSS": 443, "WS": 80}

#: RFC 3261 section 10.2.1.1: a malformed expiry of a Contact counts as this, seconds.
_MALFORMED_EXPIRES = 3600


@value(frozen=True, slots=True)
class Via(Late):
    """One hop of the path a request took (RFC 3261 section 20.42).

    Attributes:
        transport: In upper case.
        host: Host of sent-by, IPv6 without brackets.
        port: Port of sent-by, None where it has none.
        parameters: Names and values as written, None for a value without "=".
    """

    transport: str
    host: str
    port: int | None = None
    parameters: Parameters = ()

    @classmethod
    def parse(cls, text: str) -> Via:
        """One value of a Via field.

        Raises:
            ParseError: It is not what the grammar says, or not of SIP/2.0.
        """
        match = _PLAIN_VIA.fullmatch(text)
        if match is not None:
            read_host_and_port(match[2])
            via = _new(cls)
            # mypy does not see the slots of a base.
            via._match = match  # type: ignore[misc]
            return via
        parts = _VIA.fullmatch(text)
        if parts is None:
            raise ParseError(f"unreadable Via: {text[:80]!r}")
        transport, host, port, parameters = parts.groups()
        return cls(
            transport.upper(),
            read_host(host),
            None if port is None else read_port(port),
            parse_parameters(parameters) if parameters else (),
        )

    def _split(self, match: re.Match[str]) -> None:
        transport, sent_by, parameters = match.groups()
        Via.__init__(
            self,
            transport,
            *read_host_and_port(sent_by),
            split_parameters(parameters) if parameters else (),
        )

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return (
            f"SIP/2.0/{self.transport} {bracketed(self.host)}{port}"
            f"{render_parameters(self.parameters)}"
        )

    def parameter(self, name: str) -> str | None:
        """Value of a parameter, unquoted; "" if it has none, None if it is absent."""
        found = find_parameter(self.parameters, name.lower())
        return None if found is None else unquote(found)

    def with_parameter(self, name: str, text: str | None = None) -> Via:
        """A copy with this parameter set."""
        parameters = set_parameter(self.parameters, name, text)
        return Via(self.transport, self.host, self.port, parameters)

    @property
    def branch(self) -> str | None:
        """The branch parameter, None where it is absent or empty."""
        return find_parameter(self.parameters, "branch") or None

    @property
    def received(self) -> str | None:
        """The address that the request came from, without brackets (RFC 5118 4.5)."""
        received = find_parameter(self.parameters, "received")
        return received.strip("[]") if received else None

    @property
    def has_rport(self) -> bool:
        """Whether `rport` is there, with a value or without (RFC 3581)."""
        return find_parameter(self.parameters, "rport") is not None

    @property
    def rport(self) -> int | None:
        """The port that the request came from, None where it is not filled in.

        Raises:
            ParseError: It is no port.
        """
        rport = find_parameter(self.parameters, "rport")
        return read_port(rport) if rport else None

    @property
    def maddr(self) -> str | None:
        """The address to send to instead, None where it is absent."""
        maddr = find_parameter(self.parameters, "maddr")
        return maddr.strip("[]") if maddr else None

    @property
    def ttl(self) -> int | None:
        """Time to live of a multicast packet, 0 to 255.

        Raises:
            ParseError: It is no such number.
        """
        ttl = find_parameter(self.parameters, "ttl")
        return parse_integer(ttl, "ttl", 255) if ttl is not None else None

    @property
    def sent_by(self) -> tuple[str, int]:
        """Host and port, the port being the transport's default where none is given."""
        port = self.port
        if port is None:
            port = _DEFAULT_PORTS.get(self.transport, 5060)
        return self.host, port


@value(frozen=True, slots=True)
class NameAddress(Late):
    """A URI with a display name and parameters: From, To, Contact, Route and others.

    Attributes:
        display_name: Without quotes and escapes; None where there is none.
        uri: The address.
        parameters: Those of the field, not of the URI, as written.
    """

    display_name: str | None
    uri: Uri
    parameters: Parameters = ()

    @classmethod
    def parse(cls, text: str) -> NameAddress:
        """One value of an address field.

        Without angle brackets all parameters belong to the field and not to the URI
        (RFC 3261 section 20.10), and the URI may not hold "?" or "," (section 20).

        Raises:
            ParseError: It is not what the grammar says.
        """
        match = _PLAIN_ADDRESS.fullmatch(text)
        if match is not None:
            read_host_and_port(match[6])
            address = _new(cls)
            # mypy does not see the slots of a base.
            address._match = match  # type: ignore[misc]
            return address
        display_name: str | None = None
        parts = _NAME_ADDRESS.fullmatch(text)
        if parts is not None:
            quoted, plain, uri, parameters = parts.groups()
            if quoted is not None:
                display_name = unquote(quoted)
            elif plain:
                display_name = plain.strip(WHITE_SPACE) or None
        else:
            parts = _ADDRESS.fullmatch(text)
            if parts is None:
                raise ParseError(f"unreadable address: {text[:80]!r}")
            uri, parameters = parts.groups()
        return cls(
            display_name,
            parse_uri(uri),
            parse_parameters(parameters) if parameters else (),
        )

    def _split(self, match: re.Match[str]) -> None:
        quoted, plain, scheme, user, password, place, of_uri, of_field = match.groups()
        NameAddress.__init__(
            self,
            plain.strip(WHITE_SPACE) or None if quoted is None else quoted,
            SipUri(
                scheme,
                user,
                password,
                *read_host_and_port(place),
                split_usual_parameters(of_uri) if of_uri else (),
            ),
            split_parameters(of_field) if of_field else (),
        )

    def __str__(self) -> str:
        # Always with angle brackets: they are a MUST as soon as the URI holds a comma,
        # question mark or semicolon (RFC 3261 section 20).
        name = "" if self.display_name is None else f"{quote(self.display_name)} "
        return f"{name}<{self.uri}>{render_parameters(self.parameters)}"

    def parameter(self, name: str) -> str | None:
        """Value of a parameter, unquoted; "" if it has none, None if it is absent."""
        found = find_parameter(self.parameters, name.lower())
        return None if found is None else unquote(found)

    def has_parameter(self, name: str) -> bool:
        """Whether the parameter is there, with a value or without."""
        return find_parameter(self.parameters, name.lower()) is not None

    def with_parameter(self, name: str, text: str | None = None) -> NameAddress:
        """A copy with this parameter set; `text` is a token or a quoted string."""
        parameters = set_parameter(self.parameters, name, text)
        return NameAddress(self.display_name, self.uri, parameters)

    def without_parameter(self, name: str) -> NameAddress:
        """A copy without this parameter."""
        parameters = remove_parameter(self.parameters, name)
        return NameAddress(self.display_name, self.uri, parameters)

    @property
    def tag(self) -> str | None:
        """The tag of From or To, None where it is absent or empty."""
        return find_parameter(self.parameters, "tag") or None

    @property
    def q(self) -> float | None:
        """The preference of a Contact, 0 to 1; None where absent or malformed."""
        text = find_parameter(self.parameters, "q")
        return float(text) if text and _QVALUE.fullmatch(text) else None

    @property
    def expires(self) -> int | None:
        """Seconds that a binding lasts, None where the parameter is absent.

        "Malformed values SHOULD be treated as equivalent to 3600" (section 10.2.1.1).
        """
        text = find_parameter(self.parameters, "expires")
        if text is None:
            return None
        try:
            return parse_seconds(text, "expires")
        except ParseError:
            return _MALFORMED_EXPIRES


def read_route(text: str) -> NameAddress:
    """One value of a Route or Record-Route field, as `NameAddress.parse` reads it.

    Those of a network are few and come again with each message of a call, so that some
    are kept, unless they are long.
    """
    return _read_short_route(text) if len(text) < 100 else NameAddress.parse(text)


_read_short_route = lru_cache(maxsize=256)(NameAddress.parse)
