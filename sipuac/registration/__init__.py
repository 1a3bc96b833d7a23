"""Registering where we are reached, as pure machines (RFC 3261 section 10)."""
