"""Tests of the user agent on a network in memory."""
