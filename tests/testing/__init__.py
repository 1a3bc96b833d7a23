"""Tests of what the package gives to users for their own tests."""
