"""Text of SIP: messages, header fields, URIs (RFC 3261 sections 7, 19, 20, 25)."""
