"""Tests of `sipuac.media.static`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from sipuac.errors import LocalProtocolError, MediaRefused
from sipuac.media.interfaces import ILocalOffer, IMediaFactory, IMediaSession
from sipuac.media.static import KINDS, StaticMedia
from sipuac.sdp.description import SessionDescription
from sipuac.sdp.exchange import Agreement
from sipuac.sdp.negotiation import (
    check_answer,
    held,
    plain_audio_offer,
    refusing_answer,
)

OFFER = plain_audio_offer("192.0.2.1", 4000, session_id=1)
PEER = plain_audio_offer("192.0.2.2", 6000, session_id=2)
OTHER = plain_audio_offer("192.0.2.3", 6002, session_id=3)


class FactoryTests(SynchronousTestCase):
    """What the two kinds say of themselves."""

    def test_interfaces(self) -> None:
        """Factory, offer and session provide the interfaces of the plug-in."""
        media = StaticMedia(OFFER)
        offer = media.offer()
        verifyObject(IMediaFactory, media)
        verifyObject(ILocalOffer, offer)
        verifyObject(IMediaSession, offer.open("a"))
        verifyObject(IMediaSession, media.open("b"))

    def test_abilities(self) -> None:
        """Plain media can replace an answer and fork its offer, the other neither."""
        self.assertEqual(
            {
                kind: (media.can_replace_answer, media.can_fork_offer)
                for kind in KINDS
                for media in [StaticMedia(OFFER, kind)]
            },
            {"plain": (True, True), "single-answer": (False, False)},
        )

    def test_unknown_kind(self) -> None:
        """There is no third kind."""
        with self.assertRaises(LocalProtocolError) as caught:
            StaticMedia(OFFER, "webrtc")
        self.assertEqual(
            str(caught.exception),
            "no media of kind 'webrtc', only plain and single-answer",
        )

    def test_the_default_offer(self) -> None:
        """Without a description a plain audio offer is made for the address."""
        self.assertEqual(
            StaticMedia(address="192.0.2.9").offer().description,
            plain_audio_offer("192.0.2.9"),
        )
        with self.assertRaises(LocalProtocolError):
            StaticMedia(address="not an address")


class FileTests(SynchronousTestCase):
    """The offer from a file."""

    def write(self, content: bytes) -> str:
        """The path of a file with this content."""
        path = Path(self.mktemp())
        path.write_bytes(content)
        return str(path)

    def test_a_file(self) -> None:
        """The offer is the description in the file, its line ends made CRLF."""
        path = self.write(OFFER.text.replace("\r\n", "\n").rstrip("\n").encode())
        media = StaticMedia.from_file(path, "single-answer")
        self.assertEqual(media.description, OFFER)
        self.assertEqual(media.kind, "single-answer")

    def test_unusable_files(self) -> None:
        """An unusable file is refused in one line that names it and says why."""
        nothing = OFFER.text.replace("m=audio 4000", "m=audio 0").encode()
        for content, reason in (
            (b"", "SDP is empty"),
            (b"\x7fELF\0\0", "NUL"),
            (b"hello\n", "not an SDP line"),
            (OFFER.text.encode()[:40], "out of order: vosc"),
            (OFFER.text.replace("s=-\r\n", "").encode(), "out of order"),
            (OFFER.text.replace("4000", "99999").encode(), "greater than 65535"),
            (OFFER.text.encode() + b"k=prompt\r\n", "k= is not sent"),
            (b"a=" + b"x" * 1_000_000, "SDP of 65537 octets"),
            (nothing, "it offers no stream"),
            (nothing[: nothing.index(b"m=")], "it offers no stream"),
        ):
            path = self.write(content)
            with self.assertRaises(LocalProtocolError) as caught:
                StaticMedia.from_file(path)
            message = str(caught.exception)
            self.assertTrue(message.startswith(f"SDP file {path}: "), message)
            self.assertIn(reason, message)
            self.assertNotIn("\n", message)

    def test_files_that_cannot_be_read(self) -> None:
        """A file that is not there, a folder and a path that is none are refused."""
        for path, reason in (
            ("/no/such/file.sdp", "No such file or directory"),
            (".", "Is a directory"),
            ("a\0b", "null"),
        ):
            with self.assertRaises(LocalProtocolError) as caught:
                StaticMedia.from_file(path)
            self.assertIn(reason, str(caught.exception))


class OfferedTests(SynchronousTestCase):
    """Sessions in which we made the offer."""

    def test_an_answer(self) -> None:
        """An answer that fits is applied, once."""
        for kind in KINDS:
            session = StaticMedia(OFFER, kind).offer().open("a")
            self.assertIsNone(session.agreed)
            session.apply_answer(PEER)
            self.assertEqual(session.agreed, Agreement(local=OFFER, remote=PEER))
            with self.assertRaises(LocalProtocolError):
                session.apply_answer(OTHER)
            self.assertEqual(list(session.applied), [PEER])

    def test_answers_that_do_not_fit(self) -> None:
        """Media refuses an answer without the streams or formats of the offer, and one
        that refuses every stream.
        """
        session = StaticMedia(OFFER).offer().open("a")
        for answer, reason in (
            (SessionDescription.of_lines(OFFER.session_lines), "0 streams in answer"),
            (refusing_answer(OFFER), "the answer refuses every stream"),
            (
                SessionDescription.of_lines(
                    [*OFFER.session_lines, "m=audio 6000 RTP/AVP 9"]
                ),
                "stream 1 has no format of the offer (RFC 3264 6.1)",
            ),
        ):
            with self.assertRaises(MediaRefused) as caught:
                session.apply_answer(answer)
            self.assertIn(reason, str(caught.exception))
        self.assertIsNone(session.agreed)
        session.apply_answer(PEER)

    def test_faults_that_do_no_harm(self) -> None:
        """An answer with another t= or a direction too many is taken all the same."""
        lines = [line.replace("t=0 0", "t=0 1") for line in PEER.lines]
        session = StaticMedia(held(OFFER)).offer().open("a")
        session.apply_answer(SessionDescription.of_lines(lines))

    def test_replacing(self) -> None:
        """Plain media takes another answer in place of the first; a refused one leaves
        the first in force.
        """
        session = StaticMedia(OFFER).offer().open("a")
        with self.assertRaises(LocalProtocolError):
            session.replace_answer(PEER)
        session.apply_answer(PEER)
        session.replace_answer(OTHER)
        self.assertEqual(session.agreed, Agreement(local=OFFER, remote=OTHER))
        with self.assertRaises(MediaRefused):
            session.replace_answer(refusing_answer(OFFER))
        self.assertEqual(session.agreed, Agreement(local=OFFER, remote=OTHER))
        self.assertEqual(list(session.applied), [PEER, OTHER])

    def test_single_answer_media_cannot_replace(self) -> None:
        """Single-answer media takes no other answer."""
        session = StaticMedia(OFFER, "single-answer").offer().open("a")
        session.apply_answer(PEER)
        with self.assertRaises(LocalProtocolError):
            session.replace_answer(OTHER)
        self.assertEqual(session.agreed, Agreement(local=OFFER, remote=PEER))

    def test_forking(self) -> None:
        """The offer of plain media has a session for each branch, one each."""
        media = StaticMedia(OFFER)
        offer = media.offer()
        first, second = offer.open("a"), offer.open("b")
        first.apply_answer(PEER)
        second.apply_answer(OTHER)
        with self.assertRaises(LocalProtocolError):
            offer.open("a")
        self.assertEqual(media.open_sessions, 2)
        first.close()
        second.close()
        self.assertEqual(media.open_sessions, 0)

    def test_single_answer_media_cannot_fork(self) -> None:
        """Single-answer media opens a second branch only when the first is closed;
        another call has nothing to do with it.
        """
        media = StaticMedia(OFFER, "single-answer")
        offer = media.offer()
        first = offer.open("a")
        with self.assertRaises(LocalProtocolError) as caught:
            offer.open("b")
        self.assertEqual(
            str(caught.exception),
            "branch 'b' is opened while 'a' is open, which single-answer media "
            "cannot do",
        )
        media.offer().open("b").apply_answer(OTHER)
        first.apply_answer(PEER)
        first.close()
        offer.open("b").apply_answer(OTHER)

    def test_a_closed_offer(self) -> None:
        """A closed offer opens no branch; its sessions live on."""
        offer = StaticMedia(OFFER).offer()
        session = offer.open("a")
        offer.close()
        with self.assertRaises(LocalProtocolError):
            offer.open("b")
        session.apply_answer(PEER)

    def test_making_an_answer_before_ours_came(self) -> None:
        """While our offer waits for its answer no other offer is answered."""
        session = StaticMedia(OFFER).offer().open("a")
        with self.assertRaises(LocalProtocolError):
            session.make_answer(PEER)
        session.apply_answer(PEER)
        check_answer(PEER, session.make_answer(PEER))


class AnsweringTests(SynchronousTestCase):
    """Sessions in which the peer made the offer."""

    def test_an_offer(self) -> None:
        """The answer is valid, and the exchange complete."""
        session = StaticMedia(OFFER).open("a")
        answer = session.make_answer(PEER)
        check_answer(PEER, answer)
        self.assertEqual(session.agreed, Agreement(local=answer, remote=PEER))
        self.assertEqual(list(session.made), [answer])
        with self.assertRaises(LocalProtocolError):
            session.apply_answer(PEER)

    def test_later_offers(self) -> None:
        """Later answers keep the o= line but for its version."""
        session = StaticMedia(OFFER).open("a")
        answers = [session.make_answer(offer) for offer in (PEER, held(PEER), PEER)]
        self.assertEqual([answer.origin.version for answer in answers], [1, 2, 3])
        self.assertEqual(
            [answer.media[0].direction.value for answer in answers],
            ["sendrecv", "recvonly", "sendrecv"],
        )

    def test_an_offer_with_nothing_in_common(self) -> None:
        """Media refuses an offer of which it can do nothing, and stays as it was."""
        session = StaticMedia(OFFER).open("a")
        session.make_answer(PEER)
        before = session.agreed
        video = SessionDescription.of_lines(
            [*PEER.session_lines, "m=video 6000 RTP/AVP 31"]
        )
        with self.assertRaises(MediaRefused):
            session.make_answer(video)
        self.assertEqual(session.agreed, before)

    def test_rollback(self) -> None:
        """A rollback goes back to the last exchange but one, once."""
        session = StaticMedia(OFFER).open("a")
        with self.assertRaises(LocalProtocolError):
            session.rollback()
        session.make_answer(PEER)
        before = session.agreed
        session.make_answer(OTHER)
        session.rollback()
        self.assertEqual(session.agreed, before)
        with self.assertRaises(LocalProtocolError):
            session.rollback()

    def directions(self, description: SessionDescription) -> list[str]:
        """What each stream of it does."""
        return [stream.direction.value for stream in description.media]

    def test_hold_and_resume(self) -> None:
        """A held offer holds the session when its answer is applied, and not before;
        until it is resumed the peer's offers get held answers (3264-8.4-a).
        """
        session = StaticMedia(OFFER).open("a")
        usual = session.make_answer(PEER)
        self.assertEqual(self.directions(usual), ["sendrecv"])
        held = session.make_offer(True)
        self.assertEqual(self.directions(held), ["sendonly"])
        self.assertFalse(session.is_held)
        session.apply_answer(PEER)
        self.assertTrue(session.is_held)
        self.assertEqual(self.directions(session.make_answer(PEER)), ["sendonly"])
        resumed = session.make_offer(False)
        self.assertEqual(self.directions(resumed), ["sendrecv"])
        session.apply_answer(PEER)
        self.assertEqual(self.directions(session.make_answer(PEER)), ["sendrecv"])

    def test_hold_of_one_who_holds(self) -> None:
        """What we want is not changed by the peer's hold: a stream that it holds gets
        inactive when we hold it, and is offered in full when we resume it.
        """
        session = StaticMedia(OFFER).open("a")
        lines = [line for line in PEER.lines if line != "a=sendrecv"]
        lines.append("a=sendonly")
        answer = session.make_answer(SessionDescription.of_lines(lines))
        self.assertEqual(self.directions(answer), ["recvonly"])
        self.assertEqual(self.directions(session.make_offer(True)), ["inactive"])
        session.rollback()
        self.assertEqual(self.directions(session.make_offer(False)), ["sendrecv"])

    def test_an_offer_given_up(self) -> None:
        """An offer that is rolled back leaves everything as it was."""
        session = StaticMedia(OFFER).offer().open("a")
        with self.assertRaises(LocalProtocolError):
            session.make_offer(True)
        session.apply_answer(PEER)
        before = session.agreed
        session.make_offer(True)
        for act in (
            lambda: session.make_offer(True),
            lambda: session.make_answer(PEER),
            lambda: session.replace_answer(PEER),
        ):
            with self.assertRaises(LocalProtocolError):
                act()
        session.rollback()
        self.assertEqual((session.agreed, session.is_held), (before, False))
        with self.assertRaises(LocalProtocolError):
            session.apply_answer(PEER)
        self.assertIsNotNone(session.make_answer(PEER))

    def test_the_record_is_bounded(self) -> None:
        """A peer that changes the session for ever does not fill the memory."""
        session = StaticMedia(OFFER).open("a")
        for _ in range(50):
            session.make_answer(PEER)
        self.assertLess(len(session.made), 20)


class ClosingTests(SynchronousTestCase):
    """The end of a session."""

    def test_nothing_after_the_end(self) -> None:
        """A closed session is asked for nothing more, not even to close."""
        for session in (
            StaticMedia(OFFER).offer().open("a"),
            StaticMedia(OFFER).open("a"),
        ):
            session.close()
            self.assertTrue(session.is_closed)
            acts: list[tuple[Callable[..., object], tuple[object, ...]]] = [
                (session.close, ()),
                (session.rollback, ()),
                (session.apply_answer, (PEER,)),
                (session.replace_answer, (PEER,)),
                (session.make_answer, (PEER,)),
                (session.make_offer, (True,)),
                (session.send_dtmf, ("1",)),
            ]
            for act, arguments in acts:
                with self.assertRaises(LocalProtocolError) as caught:
                    act(*arguments)
                self.assertIn("after close", str(caught.exception))

    def test_dtmf(self) -> None:
        """There is no stream to send digits on, and that is said."""
        session = StaticMedia(OFFER).open("a")
        session.make_answer(PEER)
        with self.assertRaises(LocalProtocolError) as caught:
            session.send_dtmf("1")
        self.assertEqual(
            str(caught.exception), "static media has no stream to send DTMF on"
        )
