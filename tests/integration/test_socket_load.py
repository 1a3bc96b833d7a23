"""What the system tells of a real socket."""

from __future__ import annotations

import socket
import sys

from twisted.trial.unittest import SynchronousTestCase

from sipuac.transport.socket_load import ask_for_room, socket_load


class SocketLoadTests(SynchronousTestCase):
    """A UDP socket that nobody reads."""

    def setUp(self) -> None:
        """Two sockets on loopback."""
        self.ours, self.theirs = (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)
        )
        self.addCleanup(self.ours.close)
        self.addCleanup(self.theirs.close)
        self.ours.bind(("127.0.0.1", 0))

    def send(self, count: int) -> None:
        """Send datagrams that nobody reads."""
        for _ in range(count):
            self.theirs.sendto(b"x" * 1000, self.ours.getsockname())

    def test_lost_datagrams_are_seen(self) -> None:
        """Datagrams for which there was no room are counted, where they can be."""
        self.ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        self.assertIn(socket_load(self.ours).lost, (0, None))
        self.send(100)
        load = socket_load(self.ours)
        self.assertEqual(load.receive_buffer, 8192)
        if sys.platform == "linux":
            assert load.lost is not None and load.waiting is not None
            self.assertGreater(load.lost, 50)
            self.assertGreater(load.waiting, 1000)

    def test_more_room(self) -> None:
        """With what was asked for, or what the system allows, more gets through."""
        self.ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        has_all = ask_for_room(self.ours)
        load = socket_load(self.ours)
        self.assertGreater(load.receive_buffer, 8192)
        self.assertEqual(has_all, load.receive_buffer >= 4 * 1024 * 1024)
        self.send(20)
        self.assertIn(socket_load(self.ours).lost, (0, None))

    def test_a_closed_socket(self) -> None:
        """It has no load."""
        self.ours.close()
        self.assertRaises(OSError, socket_load, self.ours)
