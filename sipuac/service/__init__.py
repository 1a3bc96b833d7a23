"""What runs under twistd: the inviter service, its options, the HTTP API."""
