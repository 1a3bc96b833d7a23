"""Transactions: a request and all responses to it on one hop (RFC 3261 section 17)."""
