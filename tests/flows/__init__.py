"""The call flows of RFC 3665 and the races of RFC 5407, from the caller's side."""
