"""The addresses of names, and the answers to single questions.

Literal addresses need no lookup. Names of the table and of the hosts file have their
addresses there, and nobody is asked about them.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import (
    Deferred,
    FirstError,
    gatherResults,
    inlineCallbacks,
    succeed,
)
from twisted.names import dns
from twisted.python.failure import Failure

from sipuac.errors import LocalProtocolError, ResolutionFailed
from sipuac.resolver.addresses import SourceToward, ordered_addresses
from sipuac.resolver.cache import AnswerCache
from sipuac.resolver.records import MAX_ALIASES, Answer, Status, plain_name
from sipuac.resolver.rules import literal_address
from sipuac.resolver.system import HostsFile

#: Addresses of one name that are tried at most.
MAX_ADDRESSES = 16

_T = TypeVar("_T")


class Names:
    """What is known of names, and who is asked for the rest.

    Args:
        table: Addresses by name, instead of DNS.
        hosts: The hosts file, None for none.
        cache: Answers all other questions, None where nobody is asked.
        source_toward: Tells our own address toward another, None where nobody knows.

    Raises:
        LocalProtocolError: An address of the table is none.
    """

    def __init__(
        self,
        table: Mapping[str, str],
        hosts: HostsFile | None,
        cache: AnswerCache | None,
        source_toward: SourceToward | None,
    ) -> None:
        self._table = {
            name.lower().removesuffix("."): _table_address(name, address)
            for name, address in table.items()
        }
        self._hosts = hosts
        self._cache = cache
        self._source_toward = source_toward

    def known_addresses(self, name: str) -> Sequence[str] | None:
        """The addresses that nobody need be asked for.

        Returns:
            None where name servers are to be asked; nothing where nobody knows any.
        """
        literal = literal_address(name)
        if literal is not None:
            return [literal]
        plain = name.lower().removesuffix(".")
        if plain in self._table:
            return [self._table[plain]]
        if self._hosts is None:
            return None
        # As they stand in the file, the administrator's order.
        known = self._hosts.addresses(plain)
        return None if known is None else known[:MAX_ADDRESSES]

    @inlineCallbacks
    def addresses(self, name: str) -> Generator[Deferred[Any], Any, Sequence[str]]:
        """The addresses of a name, in the order in which to try them; at least one.

        RFC 7984 section 3.1: look up "address records for all address families that it
        supports".

        Returns:
            A Deferred that fails with `ResolutionFailed`.
        """
        known = self.known_addresses(name)
        if known:
            return known
        if known is not None:
            raise _no_such_name(name)
        answers: list[Answer] = yield all_of(
            [self.ask(name, kind) for kind in (dns.A, dns.AAAA)]
        )
        found = [one for answer in answers for one in answer.records]
        addresses = dict.fromkeys(one for one in found if isinstance(one, str))
        if addresses:
            ordered = ordered_addresses([*addresses], self._source_toward)
            return ordered[:MAX_ADDRESSES]
        statuses = {answer.status for answer in answers}
        if Status.SILENT in statuses:
            raise no_answer(name)
        if Status.REFUSED in statuses:
            raise ResolutionFailed(f"{name}: the name servers cannot tell")
        raise _no_such_name(name)

    def addresses_if_any(self, name: str) -> Deferred[Sequence[str]]:
        """The addresses of a name, nothing where none can be found."""

        def none(failure: Failure) -> Sequence[str]:
            failure.trap(ResolutionFailed)
            return ()

        found: Deferred[Sequence[str]] = self.addresses(name)
        return found.addErrback(none)

    @inlineCallbacks
    def ask(self, name: str, kind: int) -> Generator[Deferred[Any], Any, Answer]:
        """The answer to a question, aliases followed as far as they are sensible."""
        asked: set[str] = set()
        wanted: str | None = plain_name(name)
        while wanted is not None and wanted not in asked and len(asked) <= MAX_ALIASES:
            asked.add(wanted)
            answer: Answer = yield self._ask_once(wanted, kind)
            if answer.alias is None:
                return answer
            wanted = answer.alias
        return Answer(Status.NONE)

    def _ask_once(self, name: str, kind: int) -> Deferred[Answer]:
        if self._cache is None:
            return succeed(Answer(Status.NONE))
        return self._cache.ask(name, kind)


def no_answer(name: str) -> ResolutionFailed:
    """Whoever should know of this name is silent."""
    return ResolutionFailed(f"{name}: the name servers do not answer")


def _no_such_name(name: str) -> ResolutionFailed:
    return ResolutionFailed(f"{name}: there is no such name, or it has no address")


def all_of(waiting: Sequence[Deferred[_T]]) -> Deferred[list[_T]]:
    """The results of all of them; cancelling it gives up all."""
    results: Deferred[list[_T]] = gatherResults(waiting, consumeErrors=True)
    return results.addErrback(_own_failure)


def _own_failure(failure: Failure) -> Failure:
    error = failure.value
    return error.subFailure if isinstance(error, FirstError) else failure


def _table_address(name: str, address: str) -> str:
    literal = literal_address(address.strip("[]"))
    if literal is None:
        raise LocalProtocolError(
            f"cannot resolve {name!r} as {address!r}: no IP address"
        )
    return literal
