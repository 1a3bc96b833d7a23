"""Tests of `sipuac.resolver`."""
