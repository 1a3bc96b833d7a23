"""Room in the system for what arrives at a UDP socket, and what was lost without it."""

from __future__ import annotations

import socket
import struct
import sys
from dataclasses import dataclass

#: Bytes that are asked for in each direction; bursts are lost without. A system grants
#: what its administrator allows (Linux: `net.core.rmem_max` and `wmem_max`).
BUFFER_SIZE = 4 * 1024 * 1024

# From <linux/socket.h> and <linux/sock_diag.h>, Linux 4.12 and later: nine numbers, of
# which these are bytes that wait to be read and datagrams for which there was no room.
_SO_MEMINFO = 55
_MEMINFO = struct.Struct("=9I")
_WAITING, _LOST = 0, 8


@dataclass(frozen=True, slots=True)
class SocketLoad:
    """How a socket copes.

    Attributes:
        receive_buffer: Bytes that the system keeps for us.
        send_buffer: Bytes that it keeps of ours.
        waiting: Bytes that wait to be read, with what the system adds to each datagram;
            None where the system does not tell.
        lost: Datagrams that found no room since the socket was opened; None likewise.
    """

    receive_buffer: int
    send_buffer: int
    waiting: int | None
    lost: int | None


def ask_for_room(handle: socket.socket) -> bool:
    """Make the buffers large; whether the system gave all that was asked for.

    Raises:
        OSError: The system does not want to hear of it.
    """
    handle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_SIZE)
    handle.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_SIZE)
    return _size(handle, socket.SO_RCVBUF) >= BUFFER_SIZE


def socket_load(handle: socket.socket) -> SocketLoad:
    """How this socket copes now.

    Raises:
        OSError: It is closed.
    """
    waiting, lost = _meminfo(handle)
    return SocketLoad(
        _size(handle, socket.SO_RCVBUF),
        _size(handle, socket.SO_SNDBUF),
        waiting,
        lost,
    )


def _size(handle: socket.socket, option: int) -> int:
    size = handle.getsockopt(socket.SOL_SOCKET, option)
    # socket(7): "the kernel doubles this value (to allow space for bookkeeping
    # overhead)".
    return size // 2 if sys.platform == "linux" else size


def _meminfo(handle: socket.socket) -> tuple[int | None, int | None]:
    if sys.platform != "linux":
        return None, None
    try:
        octets = handle.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
    except OSError:
        # An older kernel.
        return None, None
    if len(octets) < _MEMINFO.size:
        return None, None
    numbers = _MEMINFO.unpack(octets)
    return numbers[_WAITING], numbers[_LOST]
