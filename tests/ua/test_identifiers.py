"""Branches, tags, Call-IDs and cnonces."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from sipuac.ua.identifiers import MAGIC_COOKIE, SystemIdentifiers


class SystemIdentifiersTests(SynchronousTestCase):
    """Identifiers that nobody can guess (3261-18.1.2-b)."""

    def setUp(self) -> None:
        """The identifiers that endpoints use."""
        self.identifiers = SystemIdentifiers()

    def test_a_branch_begins_with_the_magic_cookie(self) -> None:
        """Branches "MUST always begin with the characters z9hG4bK" (3261-8.1.1.7-a)."""
        branch = self.identifiers.branch()
        self.assertEqual(MAGIC_COOKIE, "z9hG4bK")
        self.assertRegex(branch, r"\Az9hG4bK[0-9a-f]{20}\Z")

    def test_a_tag_has_at_least_32_random_bits(self) -> None:
        """A tag "MUST be globally unique and cryptographically random with at least 32
        bits of randomness" (3261-8.1.1.3-a, 3261-19.3-a).
        """
        self.assertRegex(self.identifiers.tag(), r"\A[0-9a-f]{16}\Z")

    def test_a_call_id_has_no_host(self) -> None:
        """A Call-ID is random, and says nothing about the host (3261-8.1.1.4-a)."""
        self.assertRegex(self.identifiers.call_id(), r"\A[0-9a-f]{32}\Z")

    def test_a_cnonce_is_random(self) -> None:
        """A cnonce is an "opaque quoted ASCII-only string", of 128 random bits here."""
        self.assertRegex(self.identifiers.cnonce(), r"\A[0-9a-f]{32}\Z")

    def test_nothing_repeats(self) -> None:
        """No identifier comes twice, nor is one the beginning of another's block."""
        identifiers = self.identifiers
        kinds = (
            identifiers.branch,
            identifiers.tag,
            identifiers.call_id,
            identifiers.cnonce,
        )
        for kind in kinds:
            made = [kind() for _ in range(5_000)]
            self.assertEqual(len(set(made)), len(made))

    def test_every_octet_is_used_once(self) -> None:
        """Identifiers are cut from the random octets without overlap."""
        count = 0

        def octets(length: int) -> bytes:
            nonlocal count
            count += 1
            return bytes(count for _ in range(length))

        identifiers = SystemIdentifiers(octets)
        tags = [identifiers.tag() for _ in range(512 + 1)]
        self.assertEqual(set(tags[:512]), {"01" * 8})
        self.assertEqual(tags[512], "02" * 8)
        self.assertTrue(all(re.fullmatch(r"(01){8}|(02){8}", tag) for tag in tags))

    def test_two_sources_differ(self) -> None:
        """Two endpoints of one process share no identifiers."""
        other = SystemIdentifiers()
        self.assertNotEqual(self.identifiers.call_id(), other.call_id())
