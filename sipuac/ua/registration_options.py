"""What is to be registered, from the texts that people write."""

from __future__ import annotations

from collections.abc import Iterable

from sipuac.errors import LocalProtocolError, ParseError
from sipuac.registration.options import USUAL_EXPIRES, RegistrationOptions
from sipuac.syntax.fields import NameAddress, check_header
from sipuac.syntax.uri import SipUri, parse_uri
from sipuac.ua.invite_request import parse_identity


def registration_options(
    address: str,
    *,
    registrar: str | None = None,
    contacts: Iterable[str] = (),
    expires: int = USUAL_EXPIRES,
    instance: str | None = None,
    reg_id: int | None = None,
) -> RegistrationOptions:
    """Options of a registration; see `RegistrationOptions` for what they mean.

    A port in the address is that of the registrar, where none is named.

    Raises:
        LocalProtocolError: One of them cannot be.
    """
    identity = parse_identity(address)
    if registrar is None:
        # An address-of-record has no port; one that is written says where to go.
        uri = NameAddress.parse(address).uri
        where = uri if isinstance(uri, SipUri) and uri.port is not None else None
    else:
        where = _registrar(registrar)
    options = RegistrationOptions(
        identity,
        registrar=where,
        contacts=tuple(_contact(text) for text in contacts),
        expires=expires,
        instance=instance,
        reg_id=reg_id,
    )
    options.check()
    return options


def _registrar(text: str) -> SipUri:
    try:
        uri = parse_uri(text)
    except ParseError as error:
        raise LocalProtocolError(f"unusable registrar {text!r}: {error}") from None
    if not isinstance(uri, SipUri):
        raise LocalProtocolError(f"unusable registrar {text!r}: no sip URI")
    return uri.request_target()


def _contact(text: str) -> NameAddress:
    try:
        # A bare URI is taken whole: its parameters are its own.
        written = text if "<" in text else f"<{text}>"
        contact = NameAddress.parse(written)
    except ParseError as error:
        raise LocalProtocolError(f"unusable contact {text!r}: {error}") from None
    check_header("Contact", str(contact))
    return contact
