"""Session descriptions and the offer/answer model (RFC 8866, RFC 3264, RFC 6337).

Pure: text and rules. Who sends a description and when is the business of the dialog;
    what
is heard is that of `sipuac.media`.
"""
