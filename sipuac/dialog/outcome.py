"""What an INVITE's end means: the failure to report, and the Reason to give."""

from __future__ import annotations

from sipuac.errors import (
    AnswerTimeout,
    CallFailed,
    InviteForked,
    MissingSessionDescription,
    Redirected,
    SipError,
    rejection_class,
)
from sipuac.syntax.fields import NameAddress, Reason
from sipuac.syntax.message import Response


def reason_field(cause: int, text: str) -> tuple[str, str]:
    """A Reason field of protocol SIP (RFC 3326 section 2)."""
    return ("Reason", str(Reason("SIP", cause, text)))


def cancel_reason(error: SipError) -> tuple[str, str]:
    """Why a CANCEL is sent, for the phones that show missed calls."""
    if isinstance(error, AnswerTimeout):
        return reason_field(408, "Nobody has answered in time")
    if isinstance(error, InviteForked):
        return reason_field(487, "The request has forked")
    return reason_field(487, "Cancelled by the caller")


def answer_timeout(seconds: float) -> AnswerTimeout:
    """The failure of a call that nobody answered in time."""
    return AnswerTimeout(f"nobody answered within {seconds:g} s")


def no_description(response: Response) -> MissingSessionDescription:
    """The failure of a 2xx that leaves the exchange open (13.2.1)."""
    return MissingSessionDescription(
        f"the {response.status} brought no session description that can be read",
        response,
    )


def contacts_of(response: Response) -> tuple[str, ...]:
    """The URIs of a redirection, the highest q first (8.1.3.4), as text."""
    return tuple(str(contact.uri) for contact in ordered_contacts(response))


def ordered_contacts(response: Response) -> list[NameAddress]:
    """The Contacts of a redirection, the highest q first; none that is unreadable."""
    return sorted(response.contacts, key=_preference)


def _preference(contact: NameAddress) -> float:
    return -(1.0 if contact.q is None else contact.q)


def failure(
    response: Response,
    closing: SipError | None,
    refusal: CallFailed | None,
    fates: str,
) -> SipError:
    """The failure that a final response of 300 to 699 stands for.

    Args:
        response: The final response.
        closing: Why we ended the attempt ourselves, if we did.
        refusal: Why we ended a branch of it ourselves, if we did.
        fates: What became of every branch, in words.
    """
    reason = tuple(response.get_all("Reason"))
    warning = tuple(response.get_all("Warning"))
    own = closing if closing is not None or response.status != 487 else refusal
    if own is not None:
        if isinstance(own, CallFailed):
            own.response, own.reason, own.warning = response, reason, warning
        return own
    text = f"{response.status} {response.reason}".rstrip()
    if response.status < 400:
        contacts = contacts_of(response)
        return Redirected(
            f"{text}: {', '.join(contacts) or 'no contacts'}",
            response,
            contacts=contacts,
            reason=reason,
            warning=warning,
        )
    if response.status == 487 and fates:
        text = f"{text}, although we sent no CANCEL ({fates})"
    if response.status == 440:
        # RFC 5393 5.1: a proxy could not fork to all of them.
        text = f"{text}: some destinations may not have been tried"
    kind = rejection_class(response.status)
    return kind(text, response, reason=reason, warning=warning)
