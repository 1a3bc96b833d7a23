"""Reads the values of command line options, each with an error that says what is wrong.

Every function here takes text as the user gave it and raises `UsageError` with one line
for a human; nothing is opened but the files that are named.
"""

from __future__ import annotations

import ipaddress
import re

from twisted.python.usage import UsageError

from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.fields import check_header
from sipuac.syntax.uri import SipUri, TelUri, Uri, parse_uri
from sipuac.ua.credentials import Credentials, read_password

FORK_POLICIES = (
    "first-answer",
    "keep-all",
    "cancel-extras",
    "adopt",
    "follow",
    "collect",
    "fail",
)
"""Names of the fork policies that come with the package (DESIGN section 3)."""

MAX_SECONDS = 86_400.0
MAX_RATE = 1e6

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9.])?")


def seconds(name: str, text: str, *, minimum: float = 0.0) -> float:
    """A number of seconds, from `minimum` to a day."""
    try:
        value = float(text)
    except ValueError:
        raise UsageError(f"--{name}: {text!r} is not a number of seconds") from None
    if not minimum <= value <= MAX_SECONDS:
        raise UsageError(
            f"--{name}: {text} is not from {minimum:g} to {MAX_SECONDS:g} seconds"
        )
    return value


def number(name: str, text: str) -> int:
    """A whole number of 0 or more."""
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise UsageError(f"--{name}: {text!r} is not a whole number")
    return int(text)


def rate(name: str, text: str) -> float:
    """So many a second, from one in an hour to a million."""
    try:
        value = float(text)
    except ValueError:
        raise UsageError(f"--{name}: {text!r} is not a number") from None
    if not 1 / 3600 <= value <= MAX_RATE:
        raise UsageError(f"--{name}: {text} is not from 1/3600 to {MAX_RATE:g}")
    return value


def whole_seconds(name: str, text: str, *, minimum: int) -> int:
    """A whole number of seconds, from `minimum` to a day."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise UsageError(f"--{name}: {text!r} is not a whole number of seconds")
    if not minimum <= int(text) <= MAX_SECONDS:
        raise UsageError(
            f"--{name}: {text} is not from {minimum} to {MAX_SECONDS:g} seconds"
        )
    return int(text)


def one_of(name: str, text: str, names: tuple[str, ...]) -> str:
    """One of these words."""
    if text not in names:
        raise UsageError(f"--{name}: {text!r} is not one of {', '.join(names)}")
    return text


def target(text: str, *, has_proxy: bool) -> str:
    """A URI that can be called: sip, sips, or tel where a proxy knows what to do."""
    try:
        value = parse_uri(text)
    except ParseError as error:
        words = f"TARGET: {text!r} is not a usable URI: {error}"
        if ":" not in text:
            words += f"; perhaps 'sip:{text}'?"
        raise UsageError(words) from None
    if isinstance(value, TelUri):
        if not has_proxy:
            raise UsageError(f"TARGET: {text} can be called through a --proxy only")
    elif not isinstance(value, SipUri):
        raise UsageError(f"TARGET: {text!r} is not a sip:, sips: or tel: URI")
    return text


def address(name: str, text: str) -> str:
    """A literal IPv4 or IPv6 address, the latter with or without brackets."""
    try:
        return str(ipaddress.ip_address(_without_brackets(text)))
    except ValueError:
        raise UsageError(f"--{name}: {text!r} is not an IP address") from None


def is_address(text: str) -> bool:
    """Whether this is a literal IP address, without brackets."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def host(name: str, text: str) -> str:
    """A literal address or the name of a host."""
    try:
        return str(ipaddress.ip_address(_without_brackets(text)))
    except ValueError:
        if _HOST_NAME.fullmatch(text):
            return text
    raise UsageError(f"--{name}: {text!r} is neither an IP address nor a host name")


def resolution(text: str) -> tuple[str, str]:
    """NAME=ADDRESS, as of `--resolve`."""
    name, equals, where = text.partition("=")
    if not equals or not _HOST_NAME.fullmatch(name):
        raise UsageError(f"--resolve: {text!r} is not NAME=ADDRESS")
    return name.lower(), address("resolve", where)


def name_server(text: str) -> tuple[str, int]:
    """ADDRESS[:PORT], as of `--nameserver`; IPv6 in brackets where a port follows."""
    where, port = text, ""
    if text.startswith("["):
        where, bracket, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
        is_sound = bracket == "]" and (rest == "" or rest.startswith(":") and port)
    else:
        if text.count(":") == 1:
            where, _, port = text.partition(":")
        is_sound = bool(port) or not text.endswith(":")
    if not is_sound or (port and not (port.isdecimal() and 0 < int(port) < 65536)):
        raise UsageError(f"--nameserver: {text!r} is not ADDRESS or ADDRESS:PORT")
    return address("nameserver", where), int(port or 53)


def header(text: str) -> tuple[str, str]:
    """'Name: value', one header field and no more."""
    name, colon, value = text.partition(":")
    if not colon:
        raise UsageError(f"--header: {text!r} is not 'Name: value'")
    try:
        check_header(name.strip(" \t"), value)
    except LocalProtocolError as error:
        raise UsageError(f"--header: {error}") from None
    return name.strip(" \t"), value.strip(" \t")


def credentials(
    auth_user: str | None, password_file: str | None, own_uri: Uri
) -> Credentials | None:
    """What `--auth-user` and `--password-file` give, None without either.

    Args:
        auth_user: The name by which servers know the user; the user part of `own_uri`
            where it is None.
        password_file: Where the password is.
        own_uri: Who calls.
    """
    if password_file is None:
        if auth_user is not None:
            raise UsageError("--auth-user needs a --password-file")
        return None
    username = auth_user
    if username is None and isinstance(own_uri, SipUri):
        username = own_uri.unescaped_user
    if not username:
        raise UsageError("--password-file needs an --auth-user: --from names no user")
    try:
        password = read_password(password_file)
    except LocalProtocolError as error:
        raise UsageError(f"--password-file: {error}") from None
    try:
        return Credentials(username, password)
    except LocalProtocolError as error:
        raise UsageError(f"--auth-user: {error}") from None


def _without_brackets(text: str) -> str:
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text
