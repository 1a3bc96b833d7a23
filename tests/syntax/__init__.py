"""Tests of `sipuac.syntax`."""
