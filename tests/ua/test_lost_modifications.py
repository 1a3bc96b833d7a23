"""Changes of a call that are lost on the way, or cannot be sent at all."""

from __future__ import annotations

from sipuac.testing.packets import Packet
from sipuac.testing.script import OWN_SDP, Script, answer
from tests.ua.talk import TalkCase, directions


class LossTests(TalkCase):
    """Packets that are lost."""

    def lose(self, start: str, source: str, times: int = 1) -> None:
        """Lose the next packets that begin so and come from there."""

        def is_it(packet: Packet) -> bool:
            host = packet.source[0]
            return packet.first_line.startswith(start) and host.startswith(source)

        self.network.drop_if(is_it, times)

    def test_ours(self) -> None:
        """A lost re-INVITE, 2xx or ACK: sent again until the other side has it."""
        for start, source in (
            ("INVITE", "caller"),
            ("SIP/2.0 200", "proxy"),
            ("ACK", "caller"),
            ("ACK", "proxy"),
        ):
            self.setUp()
            self.talk()
            self.lose(start, source, 2)
            self.done(self.session.hold(), 6)
            self.assertEqual(directions(self.session.local_sdp), ["sendonly"])
            self.hang_up()

    def test_the_same_ack(self) -> None:
        """Each repeated 2xx of the re-INVITE gets the very same ACK
        (3261-13.2.2.4-d).
        """
        self.talk()
        self.lose("ACK", "caller", 3)
        self.done(self.session.hold(), 8)
        acks = [one.octets for one in self.network.packets("ACK", "caller.invalid")]
        self.assertEqual(len(acks), 5)
        self.assertEqual(len(set(acks[1:])), 1)
        self.hang_up()

    def test_theirs(self) -> None:
        """A lost re-INVITE of the phone, its 2xx or its ACK, with and without offer."""
        for sdp in (OWN_SDP, None):
            for start, source in (
                ("INVITE", "desk"),
                ("SIP/2.0 200", "caller"),
                ("ACK", "desk"),
                ("ACK", "proxy"),
            ):
                self.setUp()
                self.talk()
                self.lose(start, source, 2)
                self.desk_asks("INVITE", sdp=sdp)
                self.advance(8)
                self.assertEqual(self.dialog.statuses, [200])
                self.assertEqual(self.names(), ["remote"])
                self.done(self.session.hold())
                self.hang_up()

    def test_no_ack(self) -> None:
        """Without an ACK in 64*T1 we end the call (3261-13.3.1.4-a)."""
        self.talk()
        self.lose("ACK", "desk", 1000)
        self.desk_asks("INVITE", sdp=OWN_SDP)
        self.advance(31)
        self.assertEqual(self.session.state, "Established")
        repeated = [
            round(packet.time, 2)
            for packet in self.network.packets("SIP/2.0 200", "caller.invalid")
        ]
        gaps = [b - a for a, b in zip(repeated, repeated[1:], strict=False)]
        self.assertEqual([round(gap, 1) for gap in gaps][:5], [0.5, 1.0, 2.0, 4.0, 4.0])
        self.advance(3)
        ended = self.successResultOf(self.session.ended)
        self.assertIn("no ACK", ended.reason or "")
        self.settle()

    def test_a_lost_refusal(self) -> None:
        """A 488 to us is acknowledged by the transaction however often it comes."""
        self.talk(Script(answer(0.1), replies={"INVITE": 488}))
        self.lose("ACK", "caller", 2)
        self.refused(self.session.hold(), 6)
        self.hang_up()


class NoWayTests(TalkCase):
    """Changes that cannot be sent: the call goes on (RFC 5057 5.1, as after a 503)."""

    def refuse(self, start: str) -> None:
        """Let the system refuse to send what begins so."""
        self.network.refuse_if(lambda packet: packet.first_line.startswith(start))

    def test_a_re_invite(self) -> None:
        """A re-INVITE that the system does not send has failed at once."""
        self.talk()
        self.refuse("INVITE")
        error = self.refused(self.session.hold())
        self.assertIsNone(error.response)
        self.assertEqual(self.session.state, "Established")
        self.hang_up()

    def test_an_ack(self) -> None:
        """An ACK that it does not send is counted and told, and tried again."""
        self.talk()
        rule = self.network.refuse_if(
            lambda packet: packet.first_line.startswith("ACK"), 2
        )
        self.assertIsNotNone(rule)
        self.done(self.session.hold(), 3)
        self.assertEqual(self.endpoint.counters["acks-undeliverable"], 2)
        self.hang_up()


class NoConnectionTests(TalkCase):
    """The same where there is no connection any more."""

    protocol = "TCP"

    def test_a_re_invite(self) -> None:
        """A re-INVITE for which no connection can be made has failed; when there is one
        again the call can be changed.
        """
        self.talk()
        self.network.partition(["caller.invalid"], ["proxy.invalid"])
        self.network.reset("caller.invalid")
        waiting = self.session.hold()
        error = self.refused(waiting, 60)
        self.assertIn("not answered", str(error))
        self.assertEqual(self.session.state, "Established")
        (warning, *_) = self.events(self.call, "warning")
        self.assertIn("INVITE could not be sent", str(warning["message"]))
        self.network.heal()
        self.done(self.session.hold(), 5)
        self.hang_up()
