"""Tests of `sipuac.sdp`."""
