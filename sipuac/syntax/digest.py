"""Answers Digest challenges, and checks what the server proves in return.

RFC 7616 sections 3.4 and 3.5, as RFC 3261 section 22.4 and RFC 8760 section 2.6 use it.
Who is allowed what, and where passwords come from, is decided in `ua`: here come the
hash of name, realm and password, and a random cnonce.
"""

from __future__ import annotations

import unicodedata
from enum import Enum

from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.challenges import (
    AUTH_INT,
    MAX_ROW,
    Algorithm,
    DigestChallenge,
    read_parameters,
)
from sipuac.syntax.lexical import quote
from sipuac.syntax.message import Request

MAX_COUNT = 2**32 - 1


def user_hash(
    algorithm: Algorithm,
    username: str,
    realm: str,
    password: str,
    *,
    is_normalized: bool = False,
) -> str:
    """H(username:realm:password), which A1 is made of (RFC 7616 section 3.4.2).

    Args:
        algorithm: The hash algorithm.
        username: The name of the user in that realm.
        realm: The realm, unquoted.
        password: The password.
        is_normalized: Whether name and password are brought into Normalization Form C,
            as a challenge with charset=UTF-8 asks (RFC 7616 section 4).

    Raises:
        LocalProtocolError: This system cannot compute the algorithm.
    """
    if is_normalized:
        username, password = _normal(username), _normal(password)
    return _hash(algorithm, f"{username}:{realm}:{password}")


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _hash(algorithm: Algorithm, text: str) -> str:
    # Octets that are no UTF-8 are hashed as they came.
    return algorithm.digest(text.encode("utf-8", "surrogateescape"))


class ServerProof(Enum):
    """What a response says about its server: does it know the secret as well?"""

    ABSENT = "absent"
    RIGHT = "right"
    WRONG = "wrong"


class DigestSession:
    """One authentication session: from a challenge to the next (RFC 7616 section 3.6).

    Args:
        challenge: What is answered.
        username: The name of the user.
        secret: The `user_hash` for the challenge's algorithm and realm.
        cnonce: Nobody can guess it; one for the life of the session, so that the -sess
            algorithms have one key however a server reads them.
        qop: What `choose_qop` said.
    """

    __slots__ = (
        "_challenge",
        "_cnonce",
        "_count",
        "_key",
        "_nonce",
        "_nonce_text",
        "_qop",
        "_username",
    )

    def __init__(
        self,
        challenge: DigestChallenge,
        username: str,
        secret: str,
        cnonce: str,
        qop: str | None,
    ) -> None:
        if challenge.is_session:
            # The key stays that of the first nonce when there is a nextnonce.
            text = f"{secret}:{challenge.nonce}:{cnonce}"
            secret = _hash(challenge.algorithm, text)
        self._challenge = challenge
        self._username = _normal(username) if challenge.is_utf8 else username
        self._key = secret
        self._cnonce = cnonce
        self._qop = qop
        self._nonce = challenge.nonce
        self._nonce_text = challenge.nonce_text
        self._count = 0

    @property
    def nonce(self) -> str:
        """The nonce of the next answer."""
        return self._nonce

    @property
    def is_used_up(self) -> bool:
        """Whether nc has no number left for this nonce."""
        return self._count >= MAX_COUNT

    def answer(self, request: Request) -> str:
        """The value of Authorization or Proxy-Authorization for this request.

        Every call counts as one request with this nonce (RFC 7616 section 3.4).

        Args:
            request: Its method, its Request-URI and its body are as they will be sent.

        Raises:
            LocalProtocolError: The nonce is used up, or the user's name holds CR or LF.
        """
        if self.is_used_up:
            raise LocalProtocolError("this nonce is used up")
        self._count += 1
        count = f"{self._count:08x}"
        challenge = self._challenge
        digest = self._digest(
            self._nonce,
            count,
            f"{request.method}:{request.uri_text}",
            request.body,
        )
        pairs = [
            ("username", quote(self._written_username())),
            ("realm", challenge.realm_text),
            ("nonce", self._nonce_text),
            ("uri", quote(request.uri_text)),
            ("response", f'"{digest}"'),
        ]
        if challenge.algorithm_text is not None:
            pairs.append(("algorithm", challenge.algorithm_text))
        if self._qop is not None:
            # "MUST NOT be specified if the server did not send a qop directive"
            # (RFC 2617 section 3.2.2) holds for all three.
            pairs.append(("qop", self._qop))
            pairs.append(("nc", count))
            pairs.append(("cnonce", quote(self._cnonce)))
        if challenge.opaque_text is not None:
            pairs.append(("opaque", challenge.opaque_text))
        if challenge.has_userhash:
            pairs.append(("userhash", "true"))
        return "Digest " + ", ".join([f"{name}={text}" for name, text in pairs])

    def _written_username(self) -> str:
        challenge = self._challenge
        if not challenge.has_userhash:
            return self._username
        # "username = H( unq(username) ":" unq(realm) )" (RFC 7616 section 3.4.4)
        return _hash(challenge.algorithm, f"{self._username}:{challenge.realm}")

    def _digest(self, nonce: str, count: str, a2: str, body: bytes) -> str:
        """KD of RFC 7616 section 3.4.1, over A2 of section 3.4.3."""
        algorithm = self._challenge.algorithm
        if self._qop == AUTH_INT:
            a2 = f"{a2}:{algorithm.digest(body)}"
        hashed = _hash(algorithm, a2)
        if self._qop is None:
            return _hash(algorithm, f"{self._key}:{nonce}:{hashed}")
        parts = (self._key, nonce, count, self._cnonce, self._qop, hashed)
        return _hash(algorithm, ":".join(parts))

    def gave(self, answer: dict[str, str]) -> bool:
        """Whether these are parameters of one of our answers, in whichever request."""
        if self._qop is None:
            return answer.get("nonce") == self._nonce
        return answer.get("cnonce") == self._cnonce

    def learn(self, answer: dict[str, str], text: str, body: bytes) -> ServerProof:
        """Take what Authentication-Info says (RFC 7616 section 3.5).

        A nextnonce is used from the next request on, unless the server cannot prove who
        it is, or another response brought a newer one before.

        Args:
            answer: The parameters of our answer in the request.
            text: The value of Authentication-Info.
            body: The body of the response.

        Returns:
            What rspauth proves.
        """
        try:
            told = read_parameters(text)
        except ParseError:
            return ServerProof.ABSENT
        proof = self._check(answer, told, body)
        following = told.get("nextnonce")
        if (
            following
            and len(following) <= MAX_ROW
            and proof is not ServerProof.WRONG
            and answer.get("nonce") == self._nonce != following
        ):
            self._nonce = following
            self._nonce_text = quote(following)
            self._count = 0
        return proof

    def _check(
        self, answer: dict[str, str], told: dict[str, str], body: bytes
    ) -> ServerProof:
        if "rspauth" not in told:
            return ServerProof.ABSENT
        a2 = f":{answer.get('uri', '')}"
        count = answer.get("nc", "")
        # "The cnonce value and nc value MUST be the ones for the client request".
        is_ours = (
            told.get("cnonce", self._cnonce) == self._cnonce
            and told.get("nc", count).lower() == count
        )
        expected = self._digest(answer.get("nonce", ""), count, a2, body)
        if is_ours and told["rspauth"].lower() == expected:
            return ServerProof.RIGHT
        return ServerProof.WRONG
