"""UDP, TCP and TLS as flows to peers (RFC 3261 section 18)."""
