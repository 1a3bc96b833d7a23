"""Tests of `sipuac.registration`."""
