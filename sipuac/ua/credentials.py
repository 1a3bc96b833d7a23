"""Names and passwords, and where they come from.

A secret is in one `Credentials` object, which shows it to nobody: not in its text, not
in an error, not in a log.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import NoReturn

from twisted.internet.defer import Deferred

from sipuac.errors import LocalProtocolError
from sipuac.syntax.challenges import Algorithm, DigestChallenge
from sipuac.syntax.digest import user_hash

#: Octets of a password file that are read.
MAX_PASSWORD_FILE = 4096

ANY_REALM = "*"

_HEX_DIGITS = frozenset("0123456789abcdef")


class Credentials:
    """What proves who a user is in a realm.

    Args:
        username: The name by which the realm knows the user.
        password: The password; "" is one.
        hashes: In its place, the hex digits of H(username:realm:password) by the name
            of the algorithm (`MD5`, `SHA-256`, `SHA-512-256`). They are good for one
            realm; challenges with other algorithms are not answered.

    Raises:
        LocalProtocolError: The name cannot be sent, or there is not one of password and
            hashes, or one of these is no hash of that algorithm.
    """

    __slots__ = ("_hashes", "_password", "_username")

    def __init__(
        self,
        username: str,
        password: str | None = None,
        *,
        hashes: Mapping[str, str] | None = None,
    ) -> None:
        if any(character in username for character in "\r\n\0"):
            raise LocalProtocolError("the name of a user holds CR, LF or NUL")
        if (password is None) == (not hashes):
            raise LocalProtocolError("credentials are made of a password or of hashes")
        self._check_text(username)
        self._check_text(password or "")
        self._username = username
        self._password = password
        self._hashes = {
            self._algorithm(name): self._checked(self._algorithm(name), digits)
            for name, digits in (hashes or {}).items()
        }

    @staticmethod
    def _check_text(text: str) -> None:
        try:
            text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            # Its own text and arguments would show the secret.
            raise LocalProtocolError("credentials that are no Unicode text") from None

    @staticmethod
    def _algorithm(name: str) -> Algorithm:
        for algorithm in Algorithm:
            if algorithm.value.lower() == name.lower():
                return algorithm
        raise LocalProtocolError(f"no such algorithm: {name[:40]!r}")

    @staticmethod
    def _checked(algorithm: Algorithm, digits: str) -> str:
        digits = digits.lower()
        if len(digits) != algorithm.digits or not _HEX_DIGITS.issuperset(digits):
            raise LocalProtocolError(f"not {algorithm.digits} hex digits of a hash")
        return digits

    @property
    def username(self) -> str:
        """The name by which the realm knows the user."""
        return self._username

    def secret_for(self, challenge: DigestChallenge) -> str | None:
        """The `user_hash` for this challenge; None where it cannot be computed."""
        algorithm = challenge.algorithm
        if self._password is None:
            return self._hashes.get(algorithm)
        if not algorithm.is_available:
            return None
        return user_hash(
            algorithm,
            self._username,
            challenge.realm,
            self._password,
            is_normalized=challenge.is_utf8,
        )

    def __repr__(self) -> str:
        return "<Credentials>"

    def __reduce__(self) -> NoReturn:
        """Credentials are not pickled: they would lie about somewhere."""
        raise TypeError("credentials are not to be pickled")


#: Asked with the realm of a challenge and the method and Request-URI of the request;
#: gives the credentials or None, at once or later (a Deferred or a coroutine).
CredentialsSource = Callable[
    [str, str, str],
    "Credentials | None | Deferred[Credentials | None] | Awaitable[Credentials | None]",
]


def credentials_by_realm(known: Mapping[str, Credentials]) -> CredentialsSource:
    """A source that knows all its realms.

    Args:
        known: Credentials by realm, compared with regard to case (RFC 3261 22.1);
            those of `ANY_REALM` ("*") are for all that are not listed.
    """
    copied = dict(known)

    def source(realm: str, method: str, uri: str) -> Credentials | None:
        found = copied.get(realm)
        return copied.get(ANY_REALM) if found is None else found

    return source


def no_credentials(realm: str, method: str, uri: str) -> None:
    """A source that has none; who is challenged is told for which realm."""


def fixed_credentials(credentials: Credentials) -> CredentialsSource:
    """A source with the same credentials for every realm.

    A realm that is not ours learns the name of the user and a digest that is good in
    that realm only, and can try to guess the password from it: a password that is weak
    belongs to its realm, by `credentials_by_realm`.
    """
    return credentials_by_realm({ANY_REALM: credentials})


def read_password(path: str | os.PathLike[str]) -> str:
    """The password in a file: all of it but one line end after it.

    A regular file must not be readable by everybody nor writable by others; what is no
    regular file (a pipe, standard input) is read as it is. Octets that are no UTF-8
    are kept.

    Args:
        path: The file.

    Raises:
        LocalProtocolError: It cannot be read, is not kept from others, is empty, or has
            more than one line; the text names the file and never what is in it.
    """
    try:
        with Path(path).open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            octets = file.read(MAX_PASSWORD_FILE + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise LocalProtocolError(f"password file {path}: {reason}") from error
    if os.name == "posix" and stat.S_ISREG(mode):
        if mode & stat.S_IROTH:
            raise LocalProtocolError(
                f"password file {path}: everybody can read it (chmod o-rwx)"
            )
        if mode & (stat.S_IWOTH | stat.S_IWGRP):
            raise LocalProtocolError(
                f"password file {path}: others can write to it (chmod go-w)"
            )
    if len(octets) > MAX_PASSWORD_FILE:
        raise LocalProtocolError(f"password file {path}: it is too long")
    text = octets.decode("utf-8", "surrogateescape")
    text = text.removesuffix("\r\n" if text.endswith("\r\n") else "\n")
    if not text:
        raise LocalProtocolError(f"password file {path}: it is empty")
    if any(character in text for character in "\r\n\0"):
        raise LocalProtocolError(f"password file {path}: it has more than one line")
    return text
