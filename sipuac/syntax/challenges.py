"""Reads challenges: the values of WWW-Authenticate and Proxy-Authenticate.

RFC 3261 sections 20.27 and 20.44, RFC 7616 section 3.3, RFC 8760 section 2. What comes
here was written by somebody who has proved nothing yet: all of it is bounded in size,
read in linear time, and what is not understood is passed over with a word that says
why. How a challenge is answered is in `digest`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum

from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.fields import Challenge
from sipuac.syntax.lexical import (
    QUOTED_STRING,
    TOKEN,
    WHITE_SPACE,
    Parameters,
    quote,
    unquote,
)
from sipuac.syntax.values import value

#: Characters of one row that are read; nonces of real servers have below a hundred.
MAX_ROW = 4096
#: Characters of all rows of a field together: what is answered has to fit a request.
MAX_ROWS = 16 * 1024
#: Challenges of a field that are answered.
MAX_CHALLENGES = 16

AUTH = "auth"
AUTH_INT = "auth-int"
QOPS = (AUTH, AUTH_INT)

_SESSION_SUFFIX = "-sess"
_USED = ("realm", "nonce", "opaque", "algorithm", "qop", "stale", "userhash", "charset")

# A parameter, with the scheme in front of it where a challenge begins. An equals sign
# behind the first word makes that a parameter written `realm = "x"`.
_PARAMETER = re.compile(
    rf"(?:({TOKEN})[ \t]++(?!=))?+({TOKEN})[ \t]*+=[ \t]*+"
    rf'({QUOTED_STRING}|[^\x00-\x20\x7F,"]++)[ \t]*+(?=,|\Z)',
    re.DOTALL,
)
# What says nothing that we use: `Negotiate`, or the second half of `qop=auth,auth-int`.
_WORDS = re.compile(r'[^,"]++(?=,|\Z)')
_BETWEEN = re.compile(r"[ \t,]*+")
_FORBIDDEN = re.compile(r"[\r\n\0]")


class Algorithm(str, Enum):
    """The hash algorithms of RFC 7616 and RFC 8760, without their -sess variants."""

    MD5 = "MD5"
    SHA_256 = "SHA-256"
    SHA_512_256 = "SHA-512-256"

    @property
    def digits(self) -> int:
        """Hex digits of a digest (RFC 8760 section 2.2)."""
        return 32 if self is Algorithm.MD5 else 64

    @property
    def is_available(self) -> bool:
        """Whether this system can compute it: OpenSSL may be built without some."""
        try:
            self.digest(b"")
        except LocalProtocolError:
            return False
        return True

    def digest(self, octets: bytes) -> str:
        """The hash in lower case hex digits.

        Raises:
            LocalProtocolError: This system cannot compute it.
        """
        try:
            return hashlib.new(_HASHES[self], octets).hexdigest()
        except ValueError:
            raise LocalProtocolError(
                f"the OpenSSL of this Python computes no {self.value}"
            ) from None


_HASHES = {
    Algorithm.MD5: "md5",
    Algorithm.SHA_256: "sha256",
    Algorithm.SHA_512_256: "sha512_256",
}
_BY_NAME = {algorithm.value.lower(): algorithm for algorithm in Algorithm}


def split_challenges(row: str) -> list[Challenge]:
    """The challenges in one row.

    RFC 3261 section 7.3.1 allows one in a row, and a comma separates its parameters.
    HTTP allows several; where a proxy joined rows all the same, a scheme in front of a
    parameter shows where the next one begins.

    Returns:
        Every scheme that has parameters.

    Raises:
        ParseError: The row is malformed or too long.
    """
    found: list[tuple[str, list[tuple[str, str | None]]]] = []
    for scheme, name, text in _parameters(row, MAX_ROW):
        if scheme is not None:
            found.append((scheme, []))
        if not found:
            raise ParseError(f"a challenge without a scheme: {row[:60]!r}")
        found[-1][1].append((name, text))
    return [Challenge(scheme, tuple(pairs)) for scheme, pairs in found]


def read_parameters(text: str) -> dict[str, str]:
    """The unquoted parameters of credentials or of Authentication-Info.

    Args:
        text: A list of parameters, with a scheme in front of it or without.

    Returns:
        Values by lower-case name; the first where there are several of a name.

    Raises:
        ParseError: They are malformed.
    """
    found: dict[str, str] = {}
    # Credentials are longer than their challenge, by the name of the user and more.
    for _, name, written in _parameters(text, MAX_ROWS):
        found.setdefault(name.lower(), unquote(written))
    return found


def _parameters(row: str, max_length: int) -> Iterator[tuple[str | None, str, str]]:
    """Each parameter: the scheme if one stands in front of it, name, value."""
    if len(row) > max_length:
        raise ParseError(f"a challenge of {len(row)} characters")
    if _FORBIDDEN.search(row):
        raise ParseError("a challenge holds CR, LF or NUL")
    position = _skip(_BETWEEN, row, 0)
    while position < len(row):
        parameter = _PARAMETER.match(row, position)
        if parameter is not None:
            yield parameter[1], parameter[2], parameter[3]
            position = parameter.end()
        else:
            end = _skip(_WORDS, row, position)
            if end == position or "=" in row[position:end].rstrip("=" + WHITE_SPACE):
                raise ParseError(f"unreadable in a challenge: {row[position:][:60]!r}")
            position = end
        position = _skip(_BETWEEN, row, position)


def _skip(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return position if match is None else match.end()


@value(frozen=True, slots=True)
class DigestChallenge:
    """A Digest challenge that can be answered.

    Attributes:
        realm: The protection domain, unquoted; compared with regard to case.
        nonce: Unquoted.
        algorithm: The hash algorithm; MD5 where none is named.
        is_session: Whether it is the -sess variant of that algorithm.
        qops: The known of the offered qualities of protection, empty where the
            challenge has no qop.
        is_stale: Whether only the nonce of the last answer was wrong.
        has_userhash: Whether the name of the user shall be hashed (RFC 7616 3.4.4).
        is_utf8: Whether name and password are wanted in Normalization Form C.
        realm_text: The realm as a quoted string, as it was written.
        nonce_text: The nonce as a quoted string, as it was written.
        opaque_text: What has to be returned unchanged; None where it is absent.
        algorithm_text: The algorithm as it was named; None where it was not.
    """

    realm: str
    nonce: str
    algorithm: Algorithm
    is_session: bool
    qops: tuple[str, ...]
    is_stale: bool
    has_userhash: bool
    is_utf8: bool
    realm_text: str
    nonce_text: str
    opaque_text: str | None
    algorithm_text: str | None

    @classmethod
    def of(cls, challenge: Challenge) -> DigestChallenge:
        """What a challenge asks for.

        Raises:
            ParseError: It is malformed, or asks for what is not known here: another
                scheme, algorithm or quality of protection.
        """
        if challenge.scheme.lower() != "digest":
            # RFC 8760 2.6: "MUST NOT accept or request Basic authentication."
            raise ParseError(f"scheme {challenge.scheme[:40]!r} is not supported")
        given = _single(challenge.parameters)
        if "realm" not in given or "nonce" not in given:
            raise ParseError("a Digest challenge without realm or nonce")
        named = given.get("algorithm")
        name = "MD5" if named is None else unquote(named)
        base = name.lower()
        is_session = base.endswith(_SESSION_SUFFIX)
        algorithm = _BY_NAME.get(base.removesuffix(_SESSION_SUFFIX))
        if algorithm is None:
            raise ParseError(f"algorithm {name[:40]!r} is not supported")
        opaque = given.get("opaque")
        return cls(
            unquote(given["realm"]),
            unquote(given["nonce"]),
            algorithm,
            is_session,
            _known_qops(unquote(given.get("qop", ""))),
            _is_word(given, "stale", "true"),
            _is_word(given, "userhash", "true"),
            _is_word(given, "charset", "utf-8"),
            _quoted(given["realm"]),
            _quoted(given["nonce"]),
            None if opaque is None else _quoted(opaque),
            None if named is None else name,
        )

    @property
    def algorithm_name(self) -> str:
        """The usual name of the algorithm, with -sess where it is that."""
        return self.algorithm.value + (_SESSION_SUFFIX if self.is_session else "")

    def choose_qop(self, wanted: Sequence[str] = QOPS) -> str | None:
        """The first of the wanted qualities of protection that can be had.

        Without qop in the challenge MD5 is answered as RFC 2069 did, and what is newer
        than that RFC gets "auth": "If the "qop" parameter is not specified, then the
        default value is "auth"." (RFC 8760 section 2.6)

        Returns:
            None for the form of RFC 2069.

        Raises:
            ParseError: None of the wanted ones is offered.
        """
        if not self.qops and self.algorithm is Algorithm.MD5 and not self.is_session:
            return None
        offered = self.qops or (AUTH,)
        for qop in wanted:
            if qop in offered:
                return qop
        raise ParseError(f"no allowed qop, only {', '.join(offered)}")


def _single(parameters: Parameters) -> dict[str, str]:
    """The parameters that mean something to us, by lower-case name."""
    found: dict[str, str] = {}
    for name, text in parameters:
        key = name.lower()
        if key not in _USED or text is None:
            continue
        if found.setdefault(key, text) != text:
            raise ParseError(f"a challenge with two different values of {key}")
    return found


def _known_qops(text: str) -> tuple[str, ...]:
    """RFC 7616 section 3.3: "Unrecognized options MUST be ignored."."""
    offered = [word.strip(WHITE_SPACE).lower() for word in text.split(",")]
    known = tuple([qop for qop in QOPS if qop in offered])
    if not known and any(offered):
        # "If a client receives a "qop" parameter ..., it MUST send the "qop" parameter
        # in any resulting authorization header field." (RFC 3261 section 22.4)
        raise ParseError(f"qop {text[:40]!r} is not supported")
    return known


def _is_word(given: dict[str, str], key: str, word: str) -> bool:
    return unquote(given.get(key, "")).lower() == word


def _quoted(text: str) -> str:
    return text if text[0] == '"' else quote(text)


def read_challenges(
    rows: Iterable[str],
) -> tuple[list[DigestChallenge], list[str]]:
    """All Digest challenges of the rows of one field, in order.

    "The client MUST ignore any challenge it does not understand." (RFC 8760 2.4)

    Returns:
        The challenges, and why others were ignored, in short sentences.
    """
    challenges: list[DigestChallenge] = []
    ignored: list[str] = []
    left = MAX_ROWS
    for row in rows:
        try:
            found = split_challenges(row)
            if not found:
                raise ParseError(f"unreadable challenge: {row[:40]!r}")
        except ParseError as error:
            found = []
            ignored.append(str(error))
        else:
            left -= len(row)
        if left < 0 or len(challenges) + len(ignored) >= MAX_CHALLENGES:
            ignored.append("too many challenges")
            break
        for challenge in found[:MAX_CHALLENGES]:
            try:
                challenges.append(DigestChallenge.of(challenge))
            except ParseError as error:
                ignored.append(str(error))
    return challenges[:MAX_CHALLENGES], ignored
