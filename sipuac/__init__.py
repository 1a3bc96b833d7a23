"""A SIP user agent client for Twisted that gets forks and early media right."""

from sipuac._version import __version__
from sipuac.dialog.fork_policy import ForkPolicy
from sipuac.errors import (
    AnswerTimeout,
    AuthenticationFailed,
    Busy,
    CallFailed,
    Cancelled,
    Declined,
    InviteForked,
    LocalProtocolError,
    MediaRefused,
    MissingSessionDescription,
    NegotiationError,
    NoAnswer,
    NotFound,
    ParseError,
    Redirected,
    RemoteProtocolError,
    RequestRejected,
    RequestTerminated,
    ResolutionFailed,
    SessionNotModified,
    SipError,
    TooManyCalls,
    TransactionTimeout,
    TransportFailed,
    Unreachable,
)
from sipuac.media.interfaces import ILocalOffer, IMediaFactory, IMediaSession
from sipuac.service.inviter_service import InviterService
from sipuac.service.registerer_service import RegistererService
from sipuac.syntax.uri import OtherUri, SipUri, TelUri, parse_uri
from sipuac.ua.credentials import Credentials
from sipuac.ua.events import CallEvent
from sipuac.ua.incoming import Refusal
from sipuac.ua.interfaces import IInviteDelegate, InviteDelegate
from sipuac.ua.invitation import Invitation
from sipuac.ua.inviter import Inviter
from sipuac.ua.registerer import Registerer, RegistrationEvent
from sipuac.ua.session import Session

__all__ = [
    "InviteDelegate",
    "MediaRefused",
    "RequestTerminated",
    "IMediaSession",
    "Redirected",
    "RegistererService",
    "NoAnswer",
    "Unreachable",
    "AnswerTimeout",
    "ForkPolicy",
    "Busy",
    "NotFound",
    "Cancelled",
    "Credentials",
    "CallFailed",
    "IInviteDelegate",
    "ILocalOffer",
    "TransportFailed",
    "TransactionTimeout",
    "TelUri",
    "TooManyCalls",
    "ParseError",
    "Declined",
    "ResolutionFailed",
    "AuthenticationFailed",
    "Inviter",
    "Session",
    "SessionNotModified",
    "Invitation",
    "Registerer",
    "Refusal",
    "IMediaFactory",
    "RemoteProtocolError",
    "MissingSessionDescription",
    "OtherUri",
    "parse_uri",
    "LocalProtocolError",
    "InviteForked",
    "CallEvent",
    "RegistrationEvent",
    "NegotiationError",
    "SipError",
    "InviterService",
    "RequestRejected",
    "SipUri",
    "__version__",
]
