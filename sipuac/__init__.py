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
    SipError,
    TransactionTimeout,
    TransportFailed,
    Unreachable,
)
from sipuac.media.interfaces import ILocalOffer, IMediaFactory, IMediaSession
from sipuac.service.inviter_service import InviterService
from sipuac.syntax.uri import OtherUri, SipUri, TelUri, parse_uri
from sipuac.ua.events import CallEvent
from sipuac.ua.interfaces import IInviteDelegate, InviteDelegate
from sipuac.ua.invitation import Invitation
from sipuac.ua.inviter import Inviter
from sipuac.ua.session import Session

__all__ = [
    "AnswerTimeout",
    "AuthenticationFailed",
    "Busy",
    "CallEvent",
    "CallFailed",
    "Cancelled",
    "Declined",
    "ForkPolicy",
    "IInviteDelegate",
    "ILocalOffer",
    "IMediaFactory",
    "IMediaSession",
    "Invitation",
    "InviteDelegate",
    "InviteForked",
    "Inviter",
    "InviterService",
    "LocalProtocolError",
    "MediaRefused",
    "MissingSessionDescription",
    "NegotiationError",
    "NoAnswer",
    "NotFound",
    "OtherUri",
    "ParseError",
    "Redirected",
    "RemoteProtocolError",
    "RequestRejected",
    "RequestTerminated",
    "ResolutionFailed",
    "Session",
    "SipError",
    "SipUri",
    "TelUri",
    "TransactionTimeout",
    "TransportFailed",
    "Unreachable",
    "__version__",
    "parse_uri",
]
