"""Dialogs, and all that one INVITE forks into (RFC 3261 sections 12 to 15)."""
