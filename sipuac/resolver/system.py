"""What the system knows of names: the hosts file, and its name servers.

And the names that are nobody's, about which name servers are never asked (RFC 6761).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from sipuac.resolver.interfaces import NameServer
from sipuac.resolver.rules import literal_address

HOSTS_FILE = "/etc/hosts"
RESOLV_CONF = "/etc/resolv.conf"

#: Name servers of resolv.conf that are asked, as resolv.conf(5) says.
MAX_SERVERS = 3

#: The port of name servers.
DNS_PORT = 53

_T = TypeVar("_T")


class _WatchedFile(Generic[_T]):
    """What a file says, read again when it has changed.

    Args:
        path: The file; one that cannot be read is an empty one.
        read: Makes something of its lines, each as its words, without comments.
    """

    def __init__(self, path: str, read: Callable[[list[list[str]]], _T]) -> None:
        self._path = path
        self._read = read
        self._stamp: tuple[int, ...] | None = None
        self._value = read([])

    @property
    def value(self) -> _T:
        """What it says now."""
        stamp: tuple[int, ...] | None
        try:
            state = os.stat(self._path)
            stamp = (state.st_mtime_ns, state.st_size, state.st_ino)
            if stamp != self._stamp:
                with open(self._path, encoding="utf-8", errors="replace") as file:
                    self._value = self._read([_words(line) for line in file])
        except OSError:
            stamp, self._value = None, self._read([])
        self._stamp = stamp
        return self._value


class HostsFile:
    """The addresses that hosts(5) has for names."""

    def __init__(self, path: str = HOSTS_FILE) -> None:
        self._file = _WatchedFile(path, _read_hosts)

    def addresses(self, name: str) -> Sequence[str] | None:
        """The addresses of a name, as of `plain_name`.

        Returns:
            None where name servers may know more; nothing where nobody does.
        """
        found = self._file.value.get(name)
        if found is not None:
            return found
        top = name.rpartition(".")[2]
        if top == "localhost":
            # RFC 6761 section 6.3: name resolution libraries "SHOULD always return the
            # IP loopback address", and never ask for such a name.
            return ("127.0.0.1", "::1")
        # Section 6.4: "Name resolution APIs and libraries SHOULD recognize "invalid"
        # names as special and SHOULD always return immediate negative responses."
        return () if top == "invalid" else None


class SystemServers:
    """The name servers of resolv.conf(5); on this host where it names none."""

    def __init__(self, path: str = RESOLV_CONF) -> None:
        self._file = _WatchedFile(path, _read_servers)

    def __call__(self) -> Sequence[NameServer]:
        """The name servers, in order."""
        return self._file.value


def _words(line: str) -> list[str]:
    return line.partition("#")[0].split()


def _read_hosts(lines: list[list[str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for words in lines:
        address = literal_address(words[0]) if words else None
        if address is None:
            continue
        for word in words[1:]:
            name = word.lower().removesuffix(".")
            if address not in found.get(name, ()):
                found[name] = (*found.get(name, ()), address)
    return found


def _read_servers(lines: list[list[str]]) -> tuple[NameServer, ...]:
    servers = [
        (address, DNS_PORT)
        for words in lines
        if words[:1] == ["nameserver"] and len(words) > 1
        if (address := literal_address(words[1])) is not None
    ]
    return tuple(servers[:MAX_SERVERS]) or (("127.0.0.1", DNS_PORT),)
