"""Lists `twistd sipuac`; imports nothing of ours, as every run of twistd reads it."""

from twisted.application.service import ServiceMaker

sipuac = ServiceMaker(
    "sipuac",
    "sipuac.service.tap",
    "A SIP user agent that originates calls.",
    "sipuac",
)
