"""The server's half of Digest: it challenges, and says whether an answer is right.

Written apart from `sipuac.syntax.digest`, with a reader and hashes of its own, so that
a mistake there is not made here as well. For tests: it keeps passwords in the clear.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from enum import Enum

from sipuac.syntax.message import Request

_HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
_PAIR = re.compile(r'\s*([\w*-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^",\s]+)\s*(?:,|$)', re.S)
_QUOTED = frozenset("username realm nonce uri response cnonce opaque".split())


class Verdict(Enum):
    """What becomes of credentials."""

    RIGHT = "right"
    ABSENT = "absent"
    STALE = "stale"
    REPLAYED = "replayed"
    WRONG = "wrong"


class DigestServer:
    """A proxy's or registrar's memory of nonces, and its users.

    Args:
        realm: What it protects.
        passwords: By the name of the user.
        algorithms: What it challenges with, the most wanted first.
        qop: As it stands in the challenge; None for a server of RFC 2069.
        is_proxy: Whether it challenges with 407 rather than 401.
        has_userhash: Whether it asks for the hash of the name.
        opaque: What it wants back; None for nothing.
        name: Which of the servers of a realm it is: none takes a nonce of another.

    Attributes:
        expired: Nonces that it takes no longer; put a nonce here to make it stale.
    """

    def __init__(
        self,
        realm: str,
        passwords: Mapping[str, str],
        *,
        algorithms: Sequence[str] = ("MD5",),
        qop: str | None = "auth",
        is_proxy: bool = False,
        has_userhash: bool = False,
        opaque: str | None = "5ccc069c",
        name: str = "",
    ) -> None:
        self.realm = realm
        self.expired: set[str] = set()
        self._passwords = dict(passwords)
        self._algorithms = tuple(algorithms)
        self._qop = qop
        self._is_proxy = is_proxy
        self._has_userhash = has_userhash
        self._opaque = opaque
        self._name = name
        self._counts: dict[str, int] = {}

    @property
    def status(self) -> int:
        """What it challenges with: 401, or 407 as a proxy."""
        return 407 if self._is_proxy else 401

    def nonce(self) -> str:
        """A new nonce, which it knows from now on."""
        nonce = f"{self.realm.encode().hex()}/{self._name}{len(self._counts) + 1}"
        self._counts[nonce] = 0
        return nonce

    def challenges(self, *, is_stale: bool = False) -> list[tuple[str, str]]:
        """The rows of a challenge: one for each algorithm, all with one new nonce."""
        field = "Proxy-Authenticate" if self._is_proxy else "WWW-Authenticate"
        nonce = self.nonce()
        rows = []
        for algorithm in self._algorithms:
            row = f'Digest realm="{self.realm}", nonce="{nonce}", algorithm={algorithm}'
            if self._qop is not None:
                row += f', qop="{self._qop}"'
            if self._opaque is not None:
                row += f', opaque="{self._opaque}"'
            if self._has_userhash:
                row += ", userhash=true"
            if is_stale:
                row += ", stale=TRUE"
            rows.append((field, row))
        return rows

    def verdict(self, request: Request) -> Verdict:
        """What it says to the credentials of a request; asked once for each request."""
        field = "Proxy-Authorization" if self._is_proxy else "Authorization"
        found = [read_answer(row) for row in request.get_all(field)]
        answers = [
            answer
            for answer in found
            if answer["realm"] == self.realm and answer["nonce"] in self._counts
        ]
        if not answers:
            return Verdict.ABSENT
        answer = answers[0]
        nonce = answer["nonce"]
        if answer.get("opaque") != self._opaque:
            return Verdict.WRONG
        name = answer.get("algorithm", "MD5")
        key = self._key(answer, name)
        if name not in self._algorithms or key is None:
            return Verdict.WRONG
        if answer["uri"] != request.uri_text:
            return Verdict.WRONG
        a2 = f"{request.method}:{request.uri_text}".encode()
        if answer["response"] != self._digest(answer, name, key, a2, request.body):
            return Verdict.WRONG
        if nonce in self.expired:
            return Verdict.STALE
        if "nc" in answer:
            count = int(answer["nc"], 16)
            if count <= self._counts[nonce]:
                return Verdict.REPLAYED
            self._counts[nonce] = count
        return Verdict.RIGHT

    def proof(
        self, request: Request, body: bytes = b"", *, nextnonce: str | None = None
    ) -> tuple[str, str]:
        """Authentication-Info for a 2xx with this body to an accepted request."""
        field = "Proxy-Authorization" if self._is_proxy else "Authorization"
        answer = next(
            answer
            for answer in map(read_answer, request.get_all(field))
            if answer["realm"] == self.realm
        )
        name = answer.get("algorithm", "MD5")
        key = self._key(answer, name)
        assert key is not None, "the request was not accepted"
        a2 = f":{answer['uri']}".encode()
        value = f'rspauth="{self._digest(answer, name, key, a2, body)}"'
        if "qop" in answer:
            cnonce, count = answer["cnonce"], answer["nc"]
            value += f', qop={answer["qop"]}, cnonce="{cnonce}", nc={count}'
        if nextnonce is not None:
            value += f', nextnonce="{nextnonce}"'
        kind = "Proxy-Authentication-Info" if self._is_proxy else "Authentication-Info"
        return kind, value

    def _key(self, answer: Mapping[str, str], name: str) -> str | None:
        base = name.removesuffix("-sess")
        for user, password in self._passwords.items():
            known = user
            if self._has_userhash:
                known = _hash(base, f"{user}:{self.realm}".encode())
            if answer["username"] == known:
                key = _hash(base, f"{user}:{self.realm}:{password}".encode())
                if name == base:
                    return key
                text = f"{key}:{answer['nonce']}:{answer['cnonce']}"
                return _hash(base, text.encode())
        return None

    def _digest(
        self, answer: Mapping[str, str], name: str, key: str, a2: bytes, body: bytes
    ) -> str:
        base = name.removesuffix("-sess")
        qop = answer.get("qop")
        if (qop is None) != (self._qop is None):
            # Newer algorithms are asked with a qop even where none is offered.
            assert qop == "auth" and name != "MD5", "a qop that was not offered"
        if qop == "auth-int":
            a2 += b":" + _hash(base, body).encode()
        parts = [key, answer["nonce"]]
        if qop is not None:
            assert self._qop is None or qop in self._qop.replace(" ", "").split(",")
            parts += [answer["nc"], answer["cnonce"], qop]
        return _hash(base, ":".join([*parts, _hash(base, a2)]).encode())


def read_answer(row: str) -> dict[str, str]:
    """The parameters of credentials, strictly as RFC 7616 section 3.4 has them.

    Raises:
        AssertionError: They are not as that section says.
    """
    scheme, _, rest = row.partition(" ")
    assert scheme == "Digest", row
    found: dict[str, str] = {}
    position = 0
    while position < len(rest):
        pair = _PAIR.match(rest, position)
        assert pair is not None, rest[position:]
        name, text = pair[1], pair[2]
        assert name not in found, f"{name} twice"
        assert text.startswith('"') == (name in _QUOTED), f"quotes of {name}"
        if text.startswith('"'):
            text = re.sub(r"\\(.)", r"\1", text[1:-1])
        found[name] = text
        position = pair.end()
    for name in ("username", "realm", "nonce", "uri", "response"):
        assert name in found, f"{name} is missing"
    together = {name in found for name in ("qop", "nc", "cnonce")}
    assert len(together) == 1, "qop, nc and cnonce come together"
    if "nc" in found:
        assert re.fullmatch("[0-9a-f]{8}", found["nc"]), found["nc"]
    return found


def _hash(name: str, octets: bytes) -> str:
    return hashlib.new(_HASHES[name], octets).hexdigest()
