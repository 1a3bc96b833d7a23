"""Media where there must be none: of a call that is over."""

from __future__ import annotations

from typing import NoReturn

from zope.interface import implementer

from sipuac.errors import MediaRefused
from sipuac.media.interfaces import IMediaFactory


@implementer(IMediaFactory)
class NoMedia:
    """Makes no offer and opens no session."""

    can_replace_answer = False
    can_fork_offer = False

    def offer(self) -> NoReturn:
        """See `IMediaFactory`."""
        raise MediaRefused("the call is over")

    def open(self, branch: str) -> NoReturn:
        """See `IMediaFactory`."""
        raise MediaRefused("the call is over")


NO_MEDIA = NoMedia()
