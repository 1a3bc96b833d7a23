"""REGISTER: how it is written (RFC 3261 section 10.2, RFC 5626 section 4.2.1)."""

from __future__ import annotations

from collections.abc import Sequence

from sipuac.dialog.capabilities import ALLOW, SUPPORTED
from sipuac.registration.bindings import own_contact
from sipuac.registration.options import RegistrationOptions
from sipuac.syntax.fields import NameAddress
from sipuac.syntax.message import Request
from sipuac.syntax.uri import SipUri
from sipuac.transport.interfaces import IFlow


def contacts_for(
    options: RegistrationOptions,
    flow: IFlow,
    expires: int,
    *,
    is_outbound: bool,
    is_secure_hop: bool,
) -> tuple[NameAddress, ...]:
    """Our addresses as this flow reaches them, and those that were asked for beside.

    "If the address-of-record in the To header field of a REGISTER request is a SIPS
    URI, then any Contact header field values in the request SHOULD also be SIPS URIs."
    (RFC 3261 section 10.2.1)
    """
    host, port = flow.sent_by
    identity = options.identity.uri
    assert isinstance(identity, SipUri)  # `RegistrationOptions.check` has seen to it
    is_secure = identity.is_secure or is_secure_hop
    transport = flow.transport.lower()
    parameters: tuple[tuple[str, str | None], ...] = ()
    if transport != "udp" and not is_secure:
        parameters = (("transport", transport),)
    scheme = "sips" if is_secure else "sip"
    ours = SipUri(scheme, identity.user, None, host, port, parameters)
    reg_id = options.reg_id if is_outbound else None
    first = own_contact(NameAddress(None, ours), expires, options.instance, reg_id)
    others = (own_contact(other, expires, None, None) for other in options.contacts)
    return (first, *others)


def build_register(
    options: RegistrationOptions,
    call_id: str,
    cseq: int,
    from_tag: str,
    contacts: Sequence[NameAddress],
    *,
    proxy: SipUri | None,
    user_agent: str | None,
) -> Request:
    """A REGISTER without Via; without contacts it asks what is bound (10.2.3)."""
    address = str(options.identity)
    rows: list[tuple[str, str]] = []
    if proxy is not None:
        rows.append(("Route", f"<{proxy}>"))
    rows.append(("Max-Forwards", "70"))
    rows.append(("From", f"{address};tag={from_tag}"))
    rows.append(("To", address))
    rows.append(("Call-ID", call_id))
    rows.append(("CSeq", f"{cseq} REGISTER"))
    rows.extend(("Contact", str(contact)) for contact in contacts)
    is_outbound = any(contact.has_parameter("reg-id") for contact in contacts)
    # RFC 3327 5.1: a UA that knows Path says so, or the registrar may refuse.
    # RFC 4028 7.1: one that knows session timers says so "in each request".
    extensions = ["outbound", "path"] if is_outbound else ["path"]
    rows.append(("Supported", ", ".join([*extensions, SUPPORTED])))
    rows.append(("Allow", ALLOW))
    if user_agent is not None:
        rows.append(("User-Agent", user_agent))
    return Request("REGISTER", options.request_uri, rows)
