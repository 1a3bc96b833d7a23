"""Tests of bodies of several parts: which of them counts."""

from __future__ import annotations

from sipuac.syntax.bodies import body_part, multipart, parts_of, session_description
from tests.syntax.bodies import (
    OTHER_SDP,
    SDP,
    XML,
    BodyCase,
    alternative,
    carrying,
    mixed,
    request,
    sdp,
    xml,
)


class MixedTests(BodyCase):
    """multipart/mixed, and what is treated like it."""

    def test_figure_2(self) -> None:
        """The multipart body of RFC 5621 figure 2, whose second part is not understood
        (5621-8-a).
        """
        body = (
            b"--boundary1\r\nContent-Type: application/sdp\r\n\r\n"
            + SDP
            + b"\r\n--boundary1\r\n"
            b"Content-Type: application/resource-lists+xml\r\n"
            b"Content-Disposition: recipient-list\r\n\r\n" + XML + b"\r\n--boundary1--"
        )
        content_type = 'multipart/mixed;boundary="boundary1"'
        first, second = parts_of(request(content_type, body))
        self.assertEqual(first, sdp())
        self.assertEqual(second, xml(disposition="recipient-list"))
        self.assertRefused(request(content_type, body), words="resource-lists+xml")
        optional = body.replace(b"recipient-list", b"recipient-list;handling=optional")
        self.assertEqual(session_description(request(content_type, optional)), SDP)

    def test_order(self) -> None:
        """The description may be any of the parts, and is given octet for octet."""
        aside = xml(is_optional=True)
        for parts in ([sdp(), aside], [aside, sdp()], [aside, sdp(), aside]):
            self.assertEqual(session_description(carrying(mixed(*parts))), SDP)

    def test_binary(self) -> None:
        """Any octets may be in a part, line breaks at its ends included."""
        octets = bytes(range(256)) + b"\r\n--\r\n\r\n"
        self.assertEqual(session_description(carrying(mixed(sdp(octets)))), octets)

    def test_first_counts(self) -> None:
        """Of two session descriptions beside each other the first counts."""
        self.assertEqual(
            session_description(carrying(mixed(sdp(), sdp(OTHER_SDP)))), SDP
        )

    def test_required_part(self) -> None:
        """415 if a body part whose handling is required is not understood, before or
        after the description (5621-8-a).
        """
        self.assertRefused(carrying(mixed(sdp(), xml())))
        self.assertRefused(carrying(mixed(xml(), sdp())))
        self.assertRefused(carrying(mixed(sdp(), sdp(disposition="early-session"))))

    def test_nothing_required(self) -> None:
        """A required multipart/mixed can contain only parts whose handling is optional:
        none of them need be understood (5621-8-a).
        """
        self.assertIsNone(session_description(carrying(mixed(xml(is_optional=True)))))

    def test_optional_whole(self) -> None:
        """The receiver is required to process the required parts if and only if it
        decides to process the optional multipart/mixed body (5621-8-a).
        """
        inner = mixed(sdp(OTHER_SDP), xml(), is_optional=True)
        self.assertEqual(session_description(carrying(mixed(inner, sdp()))), SDP)
        self.assertIsNone(session_description(carrying(inner)))

    def test_nested(self) -> None:
        """Unnecessarily nested body parts are treated as if they were not nested."""
        inner = mixed(mixed(xml(is_optional=True)), mixed(sdp()))
        message = carrying(mixed(inner, xml(is_optional=True)))
        self.assertEqual(session_description(message), SDP)
        self.assertEqual(len(parts_of(message)), 3)

    def test_unknown_subtype(self) -> None:
        """By default, unknown multipart subtypes are treated as multipart/mixed."""
        for kind in ("related", "parallel", "x"):
            whole = mixed(xml(is_optional=True), sdp(), kind=kind)
            self.assertEqual(session_description(carrying(whole)), SDP)

    def test_disposition_of_the_whole(self) -> None:
        """The actual disposition type of the whole multipart/mixed is irrelevant, but
        for a reference that is not understood: MUST NOT process the body part.
        """
        content_type, octets = multipart([sdp()])
        for disposition in ("render", "session", "signal"):
            rows = [("Content-Disposition", disposition)]
            message = request(content_type, octets, rows)
            self.assertEqual(session_description(message), SDP)
        rows = [("Content-Disposition", "by-reference")]
        self.assertRefused(request(content_type, octets, rows))

    def test_encoded_part(self) -> None:
        """A part in an encoding that we do not know is ignored if it may be."""
        rows = [("Content-Transfer-Encoding", "base64")]
        for is_optional in (True, False):
            part = body_part(
                "application/sdp", b"dj0w", is_optional=is_optional, headers=rows
            )
            message = carrying(mixed(part, sdp(OTHER_SDP)))
            if is_optional:
                self.assertEqual(session_description(message), OTHER_SDP)
            else:
                self.assertRefused(message, words="encoding")

    def test_encoded_whole(self) -> None:
        """Nor is a multipart taken apart that is encoded."""
        content_type, octets = multipart([sdp()])
        message = request(content_type, octets, [("Content-Encoding", "gzip")])
        self.assertRefused(message, words="encoding")


class AlternativeTests(BodyCase):
    """multipart/alternative."""

    def test_last_understood(self) -> None:
        """The recipient chooses the last body part it understands."""
        for parts in ([sdp(), xml()], [xml(), sdp()], [xml(), sdp(), xml()]):
            self.assertEqual(session_description(carrying(alternative(*parts))), SDP)
        both = alternative(sdp(), sdp(OTHER_SDP))
        self.assertEqual(session_description(carrying(both)), OTHER_SDP)

    def test_handling_is_ignored(self) -> None:
        """The receiver SHOULD ignore the handling parameters of the body parts within
        the multipart/alternative (5621-8-a).
        """
        optional = [xml(is_optional=True), xml(is_optional=True)]
        self.assertRefused(carrying(alternative(*optional)))

    def test_processed_by_its_own_handling(self) -> None:
        """The receiver MUST process the body based on its handling parameter
        (5621-8-a).
        """
        content_type, octets = multipart([xml(), xml()], "alternative")
        optional = body_part(content_type, octets, is_optional=True)
        self.assertEqual(session_description(carrying(mixed(optional, sdp()))), SDP)
        required = body_part(content_type, octets)
        self.assertRefused(carrying(mixed(required, sdp())))

    def test_nested_alternative(self) -> None:
        """An alternative with a required part that is not understood is none."""
        richest = mixed(sdp(OTHER_SDP), xml())
        self.assertEqual(
            session_description(carrying(alternative(sdp(), richest))), SDP
        )
        within = mixed(xml(is_optional=True), alternative(sdp(), xml()))
        self.assertEqual(session_description(carrying(within)), SDP)

    def test_alternative_without_description(self) -> None:
        """One that holds nothing required is understood, but one that describes the
        session is chosen before it.
        """
        empty = mixed(xml(is_optional=True))
        self.assertEqual(session_description(carrying(alternative(sdp(), empty))), SDP)
        self.assertIsNone(session_description(carrying(alternative(xml(), empty))))

    def test_disposition(self) -> None:
        """The disposition type is the same for the multipart/alternative body and all
        its parts: alternatives for another purpose describe no session.
        """
        self.assertEqual(
            session_description(carrying(alternative(sdp(), disposition="session"))),
            SDP,
        )
        self.assertRefused(carrying(alternative(sdp(), disposition="early-session")))
