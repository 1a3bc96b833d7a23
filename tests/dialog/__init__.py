"""Tests of dialogs, without any network."""
