"""A simulated server that wants to know who is calling (RFC 3261 section 22).

It takes any answer to one of its nonces: whether answers are right is tested elsewhere.
"""

from __future__ import annotations

from sipuac.testing.simulation.wire import WireMessage, response_to


class Challenger:
    """Challenges the requests of some methods.

    Args:
        realm: Its realm.
        methods: The methods.
        lasts: For how many requests a nonce is good; after them it is stale.

    Attributes:
        challenged: How many requests were.
    """

    def __init__(self, realm: str, methods: tuple[str, ...], lasts: int) -> None:
        self.challenged = 0
        self._realm = realm
        self._methods = methods
        self._lasts = lasts
        self._nonces = 0
        self._used = 0
        self._accepted: set[tuple[str, str]] = set()

    def refusal(self, request: WireMessage) -> WireMessage | None:
        """The challenge for a request; None where it needs none."""
        key = (request.branch, request.method)
        if request.method not in self._methods or key in self._accepted:
            return None
        answer = request.get("Proxy-Authorization")
        if self._nonces and f'nonce="{self._nonce}"' in answer:
            self._accepted.add(key)
            self._used += 1
            return None
        return self._challenge(request, is_stale=bool(answer))

    @property
    def _nonce(self) -> str:
        return f"{self._realm}-{self._nonces}"

    def _challenge(self, request: WireMessage, *, is_stale: bool) -> WireMessage:
        self.challenged += 1
        if not self._nonces or self._used >= self._lasts:
            self._nonces += 1
            self._used = 0
        stale = ", stale=true" if is_stale else ""
        value = (
            f'Digest realm="{self._realm}", nonce="{self._nonce}", '
            f'algorithm=MD5, qop="auth"{stale}'
        )
        rows = [("Proxy-Authenticate", value)]
        return response_to(request, 407, f"{self._realm}-407", rows)
