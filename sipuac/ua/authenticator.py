"""Answers the challenges of one call or one registration (RFC 3261 section 22).

An `Authenticator` lives as long as its call or registration and knows what each realm
was told: "these credentials MUST NOT be cached across dialogs" (22.3). It makes the
rows; sending the request again with the next CSeq is left to its user, who

- gives a 401 or 407 with its request to `answer` and puts the rows into the next try;
- puts the rows of `preemptive` into every later request, but for ACK and CANCEL;
- gives every 2xx with its request to `learn`;
- stops at `AuthenticationFailed`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import (
    CancelledError,
    Deferred,
    inlineCallbacks,
    maybeDeferred,
)
from twisted.logger import Logger
from twisted.python.failure import Failure

from sipuac.errors import (
    AuthenticationProblem,
    LocalProtocolError,
    ParseError,
)
from sipuac.on_demand import OnDemand
from sipuac.syntax.challenges import (
    QOPS,
    Algorithm,
    DigestChallenge,
    read_parameters,
)
from sipuac.syntax.digest import DigestSession, ServerProof
from sipuac.syntax.message import Request, Response
from sipuac.ua.challenge_reading import (
    AUTHORIZATION,
    FIELDS,
    PROXY_AUTHORIZATION,
    ChallengeReading,
    Key,
    answers_in,
    servers_of,
    short,
)
from sipuac.ua.credentials import Credentials, CredentialsSource

Row = tuple[str, str]

#: How often one request is tried again. Four proxies in a chain, each of which finds
#: its first nonce stale, need as many.
MAX_ROUNDS = 8
#: Sessions that are remembered, and so the rows of credentials in a request.
MAX_SESSIONS = 16
#: Requests under way at a time of which is remembered what they have gone through.
_MAX_RECORDS = 16

# "Servers MUST NOT attempt to challenge an ACK", "nor CANCEL requests since these
# requests cannot be resubmitted" (RFC 3261 section 22.1).
_NEVER_CHALLENGED = frozenset(["ACK", "CANCEL"])


@dataclass(frozen=True, slots=True)
class _Try:
    """What is known of a request that carries an answer of ours.

    Attributes:
        rounds: How many challenges the request has had before.
        fresh: Whose challenges it answers; if they challenge again, they refuse.
        refused: Who refused our credentials before.
    """

    rounds: int = 0
    fresh: frozenset[Key] = frozenset()
    refused: frozenset[Key] = frozenset()


_NEVER_TRIED = _Try()
_ALL_ALGORITHMS = frozenset(Algorithm)


def with_credentials(request: Request, rows: Sequence[Row]) -> Request:
    """A copy of the request with these credentials, and none it had before."""
    bare = request.without(AUTHORIZATION).without(PROXY_AUTHORIZATION)
    return bare.with_headers(rows)


class _Memory:
    """What an authenticator knows once somebody has challenged."""

    __slots__ = ("credentials", "sessions", "tries")

    def __init__(self) -> None:
        self.credentials: OrderedDict[str, Credentials] = OrderedDict()
        self.sessions: OrderedDict[Key, list[DigestSession]] = OrderedDict()
        self.tries: OrderedDict[str, _Try] = OrderedDict()


class Authenticator:
    """Credentials for the requests of one call or one registration.

    Args:
        source: Where credentials come from; asked once for each realm, and again only
            for another request after a refusal.
        make_cnonce: Makes what nobody can guess, such as `SystemIdentifiers().cnonce`.
        algorithms: Names of the algorithms that are allowed, each with its -sess
            variant. Without MD5 a challenge of MD5 alone is not answered.
        qops: The qualities of protection that are allowed, the most wanted first. By
            default "auth": some middleboxes rewrite bodies, which "auth-int" protects.

    Raises:
        LocalProtocolError: There is no such algorithm, or no such qop, or none at all.
    """

    __slots__ = ("_algorithms", "_make_cnonce", "_memory", "_qops", "_source")

    _log = Logger()

    def __init__(
        self,
        source: CredentialsSource,
        make_cnonce: Callable[[], str],
        *,
        algorithms: Collection[str] = _ALL_ALGORITHMS,
        qops: Sequence[str] = QOPS,
    ) -> None:
        self._algorithms = _ALL_ALGORITHMS
        self._qops = tuple(qops)
        if algorithms is not _ALL_ALGORITHMS:
            try:
                self._algorithms = frozenset([Algorithm(name) for name in algorithms])
            except ValueError:
                raise LocalProtocolError(f"not all algorithms: {algorithms}") from None
        if not set(qops) <= set(QOPS) or not qops or not self._algorithms:
            raise LocalProtocolError("no algorithm, no qop, or one that is unknown")
        self._source = source
        self._make_cnonce = make_cnonce

    memory = OnDemand(lambda authenticator: _Memory())

    @property
    def is_fresh(self) -> bool:
        """Whether nobody has challenged so far."""
        return Authenticator.memory.made(self) is None

    def __repr__(self) -> str:
        return f"<Authenticator of {len(self.memory.sessions)} realms>"

    def preemptive(self, request: Request) -> list[Row]:
        """Credentials for a request that nobody has challenged yet.

        RFC 3261 section 22.3: after a challenge the UA "should incorporate credentials
        for that realm in all subsequent requests that contain the same Call-ID".

        Args:
            request: Its method, Request-URI and body are as they will be sent.

        Returns:
            One row for each session; none for ACK, which has the credentials of its
            INVITE, nor for CANCEL, which has none.
        """
        if self.is_fresh or request.method in _NEVER_CHALLENGED:
            return []
        rows = self._rows(request)
        for _, text in rows:
            # Without nonce count a row may be the same as an earlier one.
            self.memory.tries.pop(text, None)
        return rows

    def answer(self, request: Request, response: Response) -> Deferred[list[Row]]:
        """Credentials for the next try of a request that was challenged.

        Args:
            request: The request as it was sent, with its credentials.
            response: The 401 or 407 to it, with the challenges of one server or, from a
                forking proxy, of several.

        Returns:
            All rows of credentials that the next try shall have in place of the old
            ones; those of other realms that the request had are among them. It fails
            with `AuthenticationFailed` where the next try would be no better than this
            one. Cancelling it cancels what the source gave.
        """
        return self._answer(request, response)

    @inlineCallbacks
    def _answer(
        self, request: Request, response: Response
    ) -> Generator[Deferred[Any], Any, list[Row]]:
        reading = ChallengeReading(response)
        past = self._past_of(request)
        if request.method in _NEVER_CHALLENGED:
            raise reading.failure("this request cannot be sent again")
        if past.rounds >= MAX_ROUNDS:
            problem = AuthenticationProblem.TOO_MANY
            raise reading.failure(f"challenged {past.rounds + 1} times", problem)
        refused = set(past.refused)
        made: dict[Key, list[DigestSession]] = {}
        for key, challenges in reading.challenges.items():
            realm = key[1]
            if self._is_refused(key, challenges, request, past):
                refused.add(key)
                self.memory.sessions.pop(key, None)
                self.memory.credentials.pop(realm, None)
                reading.note(
                    AuthenticationProblem.REFUSED,
                    f"the credentials for realm {short(realm)} were refused",
                )
                continue
            allowed = self._allowed(challenges, reading)
            if not allowed:
                continue
            credentials = yield self._credentials_for(realm, request, reading)
            if credentials is not None:
                sessions = self._begin(allowed, credentials, reading)
                if sessions:
                    made[key] = sessions
        if not made:
            raise reading.failure()
        for key, sessions in made.items():
            self.memory.sessions[key] = sessions
            self.memory.sessions.move_to_end(key)
        self._forget_the_oldest()
        rows = self._rows(request)
        # One row stands for all: the last one answers one of these challenges.
        text = rows[-1][1]
        self.memory.tries[text] = _Try(
            past.rounds + 1, frozenset(made), frozenset(refused)
        )
        while len(self.memory.tries) > _MAX_RECORDS:
            self.memory.tries.popitem(last=False)
        return rows

    def _forget_the_oldest(self) -> None:
        """Keep so many sessions; those of the last challenge are never too many."""
        count = sum(map(len, self.memory.sessions.values()))
        while count > MAX_SESSIONS:
            _, sessions = self.memory.sessions.popitem(last=False)
            count -= len(sessions)

    def learn(self, request: Request, response: Response) -> ServerProof:
        """Take what Authentication-Info of a 2xx says (RFC 7616 section 3.5).

        Args:
            request: The request as it was sent, with its credentials.
            response: A response to it; other than 2xx say nothing.

        Returns:
            `WRONG` where a server tried to prove that it knows the secret and could
            not, or its body was changed on the way; its nextnonce is not used then.
        """
        if self.is_fresh:
            return ServerProof.ABSENT
        proofs = set()
        if response.is_success:
            for answer_field, _, info_field in FIELDS:
                answers = answers_in(request, answer_field)
                for text in response.get_all(info_field)[:MAX_SESSIONS]:
                    proofs.add(self._learn(answer_field, answers, text, response.body))
        for proof in (ServerProof.WRONG, ServerProof.RIGHT):
            if proof in proofs:
                return proof
        return ServerProof.ABSENT

    def _learn(
        self, field: str, answers: list[dict[str, str]], text: str, body: bytes
    ) -> ServerProof:
        """Authentication-Info names no realm: its cnonce says whom it is for."""
        try:
            cnonce = read_parameters(text).get("cnonce")
        except ParseError:
            return ServerProof.ABSENT
        if cnonce is not None:
            answers = [one for one in answers if one.get("cnonce") == cnonce]
        if len(answers) == 1:
            answer = answers[0]
            key = (field, answer.get("realm", ""))
            for session in self.memory.sessions.get(key, ()):
                if session.gave(answer):
                    return session.learn(answer, text, body)
        return ServerProof.ABSENT

    def _rows(self, request: Request) -> list[Row]:
        rows = []
        for (field, _), sessions in self.memory.sessions.items():
            rows += [
                (field, session.answer(request))
                for session in sessions
                if not session.is_used_up
            ]
        return rows

    def _past_of(self, request: Request) -> _Try:
        """What came before this request, by the answers that it carries."""
        tries = [
            self.memory.tries.get(text, _NEVER_TRIED)
            for field, _, _ in FIELDS
            for text in request.get_all(field)
        ]
        return max(tries, key=lambda tried: tried.rounds, default=_NEVER_TRIED)

    @staticmethod
    def _is_refused(
        key: Key, challenges: list[DigestChallenge], request: Request, past: _Try
    ) -> bool:
        """Whether this says that our credentials are wrong.

        "A UAC MUST NOT re-attempt requests with the credentials that have just been
        rejected (though the request may be retried if the nonce was stale)." (22.1)
        An answer that nobody had asked for, with a nonce of an earlier request, may be
        refused for its nonce alone, and not every server says stale then.
        """
        if key in past.refused:
            return True
        if any(challenge.is_stale for challenge in challenges):
            return False
        if key in past.fresh:
            return True
        field, realm = key
        nonces = {challenge.nonce for challenge in challenges}
        return any(
            answer.get("realm") == realm and answer.get("nonce") in nonces
            for answer in answers_in(request, field)
        )

    def _allowed(
        self, challenges: list[DigestChallenge], reading: ChallengeReading
    ) -> list[DigestChallenge]:
        """The challenges of one realm that our policy and this system let us answer."""
        allowed = []
        for challenge in challenges:
            name = challenge.algorithm_name
            try:
                challenge.choose_qop(self._qops)
            except ParseError as error:
                reading.note(AuthenticationProblem.UNSUPPORTED, str(error))
                continue
            if challenge.algorithm not in self._algorithms:
                reading.note(
                    AuthenticationProblem.UNSUPPORTED, f"{name} is not allowed"
                )
            elif not challenge.algorithm.is_available:
                reading.note(
                    AuthenticationProblem.UNSUPPORTED,
                    f"the OpenSSL of this Python computes no {name}",
                )
            else:
                allowed.append(challenge)
        return allowed

    @inlineCallbacks
    def _credentials_for(
        self, realm: str, request: Request, reading: ChallengeReading
    ) -> Generator[Deferred[Any], Any, Credentials | None]:
        known = self.memory.credentials.get(realm)
        if known is not None:
            return known
        try:
            found = yield _of_source(
                maybeDeferred(self._source, realm, request.method, request.uri_text)
            )
            if found is not None and not isinstance(found, Credentials):
                raise TypeError(f"credentials wanted, not {type(found).__name__}")
        except CancelledError:
            raise
        except Exception as error:
            # Only its kind is told: the text is the application's, and may say more
            # than is good for a log.
            self._log.error(
                "The source of credentials failed with {error} for realm {realm}",
                error=type(error).__name__,
                realm=short(realm),
            )
            reading.source_error = error
            reading.note(
                AuthenticationProblem.SOURCE_FAILED,
                f"the source of credentials for realm {short(realm)} failed",
            )
            return None
        if found is None:
            reading.note(
                AuthenticationProblem.NO_CREDENTIALS,
                f"no credentials for realm {short(realm)}",
            )
            return None
        credentials: Credentials = found
        self.memory.credentials[realm] = credentials
        while len(self.memory.credentials) > MAX_SESSIONS:
            self.memory.credentials.popitem(last=False)
        return credentials

    def _begin(
        self,
        challenges: list[DigestChallenge],
        credentials: Credentials,
        reading: ChallengeReading,
    ) -> list[DigestSession]:
        """A session with each server of a realm, by its topmost challenge."""
        sessions: list[DigestSession] = []
        for server in servers_of(challenges):
            for challenge in server:
                secret = credentials.secret_for(challenge)
                if secret is not None:
                    sessions.append(
                        DigestSession(
                            challenge,
                            credentials.username,
                            secret,
                            self._make_cnonce(),
                            challenge.choose_qop(self._qops),
                        )
                    )
                    break
                reading.note(
                    AuthenticationProblem.NO_CREDENTIALS,
                    f"no {challenge.algorithm_name} hash for realm "
                    f"{short(challenge.realm)}",
                )
        return sessions


def _of_source(asked: Deferred[Any]) -> Deferred[Any]:
    """What the source gives; `CancelledError` means that we have given up, not it."""
    has_given_up = False

    def give_up(given: object) -> None:
        nonlocal has_given_up
        has_given_up = True
        asked.cancel()

    given: Deferred[Any] = Deferred(give_up)

    def failed(failure: Failure) -> None:
        if has_given_up:
            return
        if failure.check(CancelledError):
            failure = Failure(LocalProtocolError("the source has given up"))
        given.errback(failure)

    def found(result: Any) -> None:
        if not has_given_up:
            given.callback(result)

    asked.addCallbacks(found, failed)
    return given
