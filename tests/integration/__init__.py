"""Calls through a real Kamailio to real SIPp phones, all on loopback.

Verdicts come from what the peers received, never from what sipuac says of itself.
"""
