"""What this user agent can do, as it says so in Allow, Supported and Accept."""

from __future__ import annotations

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, MESSAGE, NOTIFY"
ALLOWED_METHODS = frozenset(ALLOW.split(", "))

ACCEPT = "application/sdp"

# The one coding that leaves the octets as they are (RFC 3261 section 20.2).
ACCEPT_ENCODING = "identity"

# What every request but ACK and every answer to one says (RFC 4028 section 7.1).
SUPPORTED = "timer"

# Methods that we know of but do not offer get 405; all others are unknown: 501
# (RFC 3261 sections 8.2.1 and 21.5.2).
KNOWN_METHODS = ALLOWED_METHODS | frozenset("PUBLISH REFER REGISTER SUBSCRIBE".split())

# Option tags that a peer may Require of us inside a dialog.
UNDERSTOOD_EXTENSIONS: frozenset[str] = frozenset(["100rel", "timer"])
