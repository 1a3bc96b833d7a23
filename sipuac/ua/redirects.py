"""Redirections that are followed (RFC 3261 section 8.1.3.4).

Which Contacts of a 3xx are tried the application may choose; they are tried one after
the other until one of them answers.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any

from twisted.internet.defer import (
    CancelledError,
    Deferred,
    inlineCallbacks,
    maybeDeferred,
)
from twisted.logger import Logger

from sipuac.dialog.events import Event, ProtocolWarning
from sipuac.dialog.outcome import ordered_contacts
from sipuac.dialog.redirection import TargetSet
from sipuac.dialog.retry_rules import Retry
from sipuac.syntax.fields import NameAddress
from sipuac.syntax.message import Response
from sipuac.ua.attempts import FailedAttempt

#: Chooses among the Contacts of a 3xx: is given the response and their URIs, the most
#: wanted first, and returns those to try, in order. It may take its time.
RedirectChooser = Callable[
    [Response, tuple[str, ...]], "Iterable[str] | Deferred[Iterable[str]]"
]


class Redirects:
    """The targets of one call.

    Args:
        targets: Those that are known.
        choose: The application's choice; None takes all Contacts.
        report: Told what is not followed.
    """

    _log = Logger()

    def __init__(
        self,
        targets: TargetSet,
        choose: RedirectChooser | None,
        report: Callable[[Event], None],
    ) -> None:
        self._targets = targets
        self._choose = choose
        self._report = report

    @inlineCallbacks
    def after(
        self, failed: FailedAttempt
    ) -> Generator[Deferred[Any], Any, Retry | None]:
        """See `RetryStep`."""
        response = failed.response
        if response is not None and self._targets.may_follow(response):
            contacts = yield self._chosen(response)
            for complaint in self._targets.add(failed.invite, response, contacts):
                self._report(ProtocolWarning(complaint))
        elif response is not None and response.status >= 600:
            # "definitive information about a particular user, not just the particular
            # instance indicated in the Request-URI" (section 21.6).
            return None
        return self._targets.next_invite(failed.invite)

    @inlineCallbacks
    def _chosen(
        self, response: Response
    ) -> Generator[Deferred[Any], Any, list[NameAddress]]:
        contacts = ordered_contacts(response)
        if self._choose is None:
            return contacts
        by_text = {str(contact.uri): contact for contact in reversed(contacts)}
        texts = tuple(str(contact.uri) for contact in contacts)
        try:
            chosen = yield maybeDeferred(self._choose, response, texts)
            return [by_text[text] for text in chosen]
        except CancelledError:
            raise
        except Exception:
            self._log.failure("the choice among the targets of a redirection failed")
            return []
