"""The payload types that need no rtpmap (RFC 3551 section 6)."""

from __future__ import annotations

from sipuac.sdp.fields import Encoding

#: Payload type to encoding, tables 4 and 5 of RFC 3551.
STATIC_ENCODINGS: dict[str, Encoding] = {
    "0": Encoding("PCMU", 8000),
    "3": Encoding("GSM", 8000),
    "4": Encoding("G723", 8000),
    "5": Encoding("DVI4", 8000),
    "6": Encoding("DVI4", 16000),
    "7": Encoding("LPC", 8000),
    "8": Encoding("PCMA", 8000),
    "9": Encoding("G722", 8000),
    "10": Encoding("L16", 44100, 2),
    "11": Encoding("L16", 44100),
    "12": Encoding("QCELP", 8000),
    "13": Encoding("CN", 8000),
    "14": Encoding("MPA", 90000),
    "15": Encoding("G728", 8000),
    "16": Encoding("DVI4", 11025),
    "17": Encoding("DVI4", 22050),
    "18": Encoding("G729", 8000),
    "25": Encoding("CelB", 90000),
    "26": Encoding("JPEG", 90000),
    "28": Encoding("nv", 90000),
    "31": Encoding("H261", 90000),
    "32": Encoding("MPV", 90000),
    "33": Encoding("MP2T", 90000),
    "34": Encoding("H263", 90000),
}
