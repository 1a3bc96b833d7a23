"""How two sides agree on a session interval and its refresher (RFC 4028).

Only what is asked and answered in one transaction is here; `session_timer` keeps what
was agreed, and the time. `Supported: timer`, which "each request (except ACK)" carries,
wanted or not (section 7.1), is for whoever writes Supported.
"""

from __future__ import annotations

from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.fields_session import UAC, UAS, SessionExpires, parse_min_se
from sipuac.syntax.message import Message, Request, Response
from sipuac.values import value

Rows = tuple[tuple[str, str], ...]

OPTION_TAG = "timer"

#: Seconds: no interval is shorter, and Min-SE is this where it is absent (sections 4
#: and 5).
ABSOLUTE_MINIMUM = 90

#: Seconds that are RECOMMENDED (section 4).
USUAL_INTERVAL = 1800


@value(frozen=True, slots=True)
class SessionAsk:
    """What an initial INVITE asks for.

    Attributes:
        interval: Seconds for Session-Expires; None to ask for no session timer.
        minimum: Seconds for Min-SE; None to send none.
    """

    interval: int | None = None
    minimum: int | None = None

    def __post_init__(self) -> None:
        least = checked_minimum(self.minimum)
        if self.interval is not None and self.interval < least:
            raise LocalProtocolError(
                f"a session interval of {self.interval} s is below {least} s"
            )

    def fields(self) -> Rows:
        """The rows for the INVITE.

        Without a refresher: "It is RECOMMENDED that the parameter be omitted so that it
        can be selected by the negotiation" (section 7.1).
        """
        expires = None if self.interval is None else SessionExpires(self.interval)
        return session_fields(expires, self.minimum)

    def raised(self, response: Response) -> SessionAsk | None:
        """What to ask after this 422, for the same Call-ID with the next CSeq (7.3).

        Returns:
            None where it demands nothing more than was granted: to try again would
            bring the same response. Each 422 raises the minimum, but how many are
            followed is the caller's to bound.
        """
        least = self.minimum or ABSOLUTE_MINIMUM
        demanded = demanded_minimum(response)
        if demanded is None or demanded <= least:
            return None
        interval = None if self.interval is None else max(self.interval, demanded)
        return SessionAsk(interval, demanded)


def asked_in(invite: Request) -> SessionAsk:
    """What this INVITE of ours asks for.

    Raises:
        ParseError: Session-Expires or Min-SE is malformed.
        LocalProtocolError: They contradict each other.
    """
    expires = session_expires_of(invite)
    return SessionAsk(None if expires is None else expires.seconds, min_se_of(invite))


@value(frozen=True, slots=True)
class Agreed:
    """What our 2xx to the peer's INVITE or UPDATE is to say.

    Attributes:
        interval: Seconds from the 2xx on; None for no session timer.
        is_refresher: Whether we are to refresh.
        fields: Rows for the 2xx; with `Require: timer` among them where it is due.
    """

    interval: int | None
    is_refresher: bool
    fields: Rows


@value(frozen=True, slots=True)
class TooShort:
    """The peer's request is to be answered 422.

    Attributes:
        fields: Rows for the 422.
    """

    fields: Rows


def answer_to(
    request: Request, *, wanted: int | None, minimum: int, is_refresher: bool
) -> Agreed | TooShort:
    """How to answer the session timer of the peer's INVITE or UPDATE (section 9).

    Args:
        request: The peer's.
        wanted: Seconds that we want where the peer asks for nothing; None for none.
        minimum: Seconds that we accept at least, 90 or more.
        is_refresher: Whether we refresh now; the roles stay where the peer leaves the
            choice.

    Raises:
        ParseError: Session-Expires or Min-SE is malformed.
    """
    is_supported = request.has_token("Supported", OPTION_TAG)
    asked = session_expires_of(request)
    floor = min_se_of(request) or ABSOLUTE_MINIMUM
    if asked is None:
        if wanted is None:
            return Agreed(None, False, ())
        if not is_supported:
            # As section 7.2 has it for a UAC: the refreshes are for our benefit alone.
            return Agreed(wanted, True, ())
        interval = max(wanted, floor)
        return _agree(interval, _choice(is_refresher), is_supported)
    # Only one who knows the extension understands a 422 (section 9); but below the
    # least that there is, or below its own Min-SE, the request is at fault.
    least = max(minimum, floor) if is_supported else floor
    if asked.seconds < least:
        return TooShort((("Min-SE", str(max(minimum, floor))),))
    if not is_supported:
        return _agree(asked.seconds, UAS, is_supported)
    refresher = asked.refresher or _choice(is_refresher)
    return _agree(asked.seconds, refresher, is_supported)


def _choice(is_refresher: bool) -> str:
    return UAS if is_refresher else UAC


def _agree(interval: int, refresher: str, is_supported: bool) -> Agreed:
    rows: Rows = (("Session-Expires", str(SessionExpires(interval, refresher))),)
    # MUST where it is the UAC that refreshes, SHOULD where it only supports the timer.
    if is_supported:
        rows = (("Require", OPTION_TAG), *rows)
    return Agreed(interval, refresher == UAS, rows)


def session_fields(expires: SessionExpires | None, minimum: int | None) -> Rows:
    """The rows of a session refresh request."""
    rows: Rows = ()
    if expires is not None:
        rows = (("Session-Expires", str(expires)),)
    return rows if minimum is None else (*rows, ("Min-SE", str(minimum)))


def session_expires_of(message: Message) -> SessionExpires | None:
    """The Session-Expires of a message, None where it is absent.

    Raises:
        ParseError: It is malformed.
    """
    text = message.get("Session-Expires")
    return None if text is None else SessionExpires.parse(text)


def min_se_of(message: Message) -> int | None:
    """Seconds of Min-SE, at least 90; None where it is absent.

    Raises:
        ParseError: It is malformed.
    """
    text = message.get("Min-SE")
    return None if text is None else max(parse_min_se(text), ABSOLUTE_MINIMUM)


def demanded_minimum(response: Response) -> int | None:
    """Seconds that a 422 demands; None where it does not say so readably."""
    try:
        return min_se_of(response)
    except ParseError:
        return None


def checked_minimum(minimum: int | None) -> int:
    """The minimum that holds.

    Raises:
        LocalProtocolError: It is below 90.
    """
    least = ABSOLUTE_MINIMUM if minimum is None else minimum
    if least < ABSOLUTE_MINIMUM:
        raise LocalProtocolError(f"a Min-SE of {least} s is below {ABSOLUTE_MINIMUM} s")
    return least
