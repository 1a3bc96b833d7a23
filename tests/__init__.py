"""Tests of sipuac; run them with ``python -m twisted.trial tests``."""
