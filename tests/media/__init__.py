"""Tests of `sipuac.media`."""
