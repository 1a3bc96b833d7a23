"""What one 401 or 407 asks for, by whom it has to be answered, and what is wrong in it.

The part of the authenticator that looks at messages and remembers nothing.
"""

from __future__ import annotations

from sipuac.errors import AuthenticationFailed, AuthenticationProblem, ParseError
from sipuac.syntax.challenges import (
    DigestChallenge,
    read_challenges,
    read_parameters,
)
from sipuac.syntax.message import Request, Response

AUTHORIZATION = "Authorization"
PROXY_AUTHORIZATION = "Proxy-Authorization"
#: The field of the answer, of its challenge, and of what the server says to it.
FIELDS = (
    (AUTHORIZATION, "WWW-Authenticate", "Authentication-Info"),
    (PROXY_AUTHORIZATION, "Proxy-Authenticate", "Proxy-Authentication-Info"),
)

# Whom an answer is for: the name of its field, and the realm.
Key = tuple[str, str]


class ChallengeReading:
    """The challenges of one response, and what is wrong with them."""

    def __init__(self, response: Response) -> None:
        self._response = response
        self.challenges: dict[Key, list[DigestChallenge]] = {}
        self.source_error: Exception | None = None
        self._problems: list[tuple[AuthenticationProblem, str]] = []
        for answer_field, challenge_field, _ in FIELDS:
            found, ignored = read_challenges(response.get_all(challenge_field))
            for challenge in found:
                key = (answer_field, challenge.realm)
                self.challenges.setdefault(key, []).append(challenge)
            for why in ignored:
                self.note(AuthenticationProblem.UNSUPPORTED, why)

    def note(self, problem: AuthenticationProblem, why: str) -> None:
        """Remember why a challenge is not answered."""
        self._problems.append((problem, why))

    def failure(
        self, why: str = "", problem: AuthenticationProblem | None = None
    ) -> AuthenticationFailed:
        """The failure that follows from all that was noted."""
        response = self._response
        if not why:
            # Who was refused wants to know that, whatever else there was.
            order = list(AuthenticationProblem)
            noted = sorted(self._problems, key=lambda item: order.index(item[0]))
            if not noted:
                noted = [(AuthenticationProblem.UNSUPPORTED, "it has no challenge")]
            problem = noted[0][0]
            why = "; ".join(list(dict.fromkeys([text for _, text in noted]))[:3])
        error = AuthenticationFailed(
            f"{response.status} {response.reason[:60]}".rstrip() + f": {why}",
            response,
            reason=response.get_all("Reason"),
            warning=response.get_all("Warning"),
            problem=problem or AuthenticationProblem.UNSUPPORTED,
            realms=list(dict.fromkeys([realm for _, realm in self.challenges])),
        )
        error.__cause__ = self.source_error
        return error


def servers_of(challenges: list[DigestChallenge]) -> list[list[DigestChallenge]]:
    """The challenges of one realm by the server that they come from.

    RFC 8760 section 2.3: of a server with several challenges "each ... MUST use a
    different digest algorithm", the most preferred at the top; a forking proxy "MUST
    maintain the order" (2.5). So an algorithm that comes again is another server's.
    """
    servers: list[list[DigestChallenge]] = []
    names: set[str] = set()
    nonces: set[tuple[str, str]] = set()
    for challenge in challenges:
        name = challenge.algorithm_name
        if (name, challenge.nonce) in nonces:
            continue  # the same once more
        nonces.add((name, challenge.nonce))
        if not servers or name in names:
            servers.append([])
            names = set()
        servers[-1].append(challenge)
        names.add(name)
    return servers


def answers_in(request: Request, field: str) -> list[dict[str, str]]:
    """The parameters of the credentials that a request carries."""
    answers = []
    for text in request.get_all(field):
        try:
            answers.append(read_parameters(text))
        except ParseError:
            continue  # put there by the application, not by us
    return answers


def short(realm: str) -> str:
    """A realm for an error or a log, bounded."""
    return repr(realm[:60])
