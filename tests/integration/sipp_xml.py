"""The pieces of a SIPp scenario: SIPp's XML, element by element."""

from __future__ import annotations

TAG = ";tag=[pid]SIPpTag[call_number]"
"""The phone's own tag."""


def sdp(
    media_port: int, codec: str = "PCMU", direction: str = "", version: int = 1
) -> str:
    """A session description of the phone, one audio stream.

    Args:
        media_port: By which one knows whose it is.
        codec: Its only codec, "PCMU" or "PCMA".
        direction: Such as "sendonly"; "" leaves the attribute out.
        version: The version in its origin.
    """
    payload_type = {"PCMU": 0, "PCMA": 8}[codec]
    attribute = f"\na={direction}" if direction else ""
    return (
        f"v=0\no=phone 1 {version} IN IP4 [local_ip]\ns=-\nc=IN IP4 [local_ip]\nt=0 0\n"
        f"m=audio {media_port} RTP/AVP {payload_type}\n"
        f"a=rtpmap:{payload_type} {codec}/8000{attribute}"
    )


def keep_invite(name: str = "") -> str:
    """Take an INVITE, and keep what its responses repeat in variables.

    SIPp fills in "last_Via" and the like from the last message received, and the INVITE
    is answered after others have come.

    Args:
        name: Put before the names of the variables, for an INVITE after the first.
    """
    # The routes of the phone's own requests are those of the first INVITE.
    routes = "" if name else 'rrs="true"'
    return f"""
  <recv request="INVITE" {routes}>
    {keeping(name)}
  </recv>
"""


def keeping(name: str) -> str:
    """The action that keeps what the responses to this INVITE repeat."""
    return f"""<action>
      <ereg regexp="((Record-Route|Via): *[^[:cntrl:]]*[[:cntrl:]]+)+" search_in="msg"
            check_it="true"
            assign_to="{name}route_and_via,{name}last_line,{name}last_name"/>
      <ereg regexp=".*" search_in="hdr" header="From:" assign_to="{name}from"/>
      <ereg regexp=".*" search_in="hdr" header="To:" assign_to="{name}to"/>
      <ereg regexp=".*" search_in="hdr" header="CSeq:" assign_to="{name}cseq"/>
    </action>"""


def unused(name: str = "") -> str:
    """Names variables that nobody reads, of which SIPp would complain."""
    return f'<Reference variables="{name}last_line,{name}last_name"/>'


def label(name: str) -> str:
    """A place to go to."""
    return f'<label id="{name}"/>'


def goto(name: str) -> str:
    """Go on at this label."""
    return f'<nop next="{name}"/>'


def pause(seconds: float) -> str:
    """Do nothing for so long; what comes meanwhile waits."""
    return f'<pause milliseconds="{round(seconds * 1000)}"/>'


def timeout(seconds: float, name: str) -> str:
    """Attributes of a `recv`: go on at this label when nothing has come."""
    # To SIPp 0 means never.
    return f'timeout="{max(1, round(seconds * 1000))}" ontimeout="{name}"'


def recv(
    method: str, next_label: str = "", attributes: str = "", is_last: bool = False
) -> str:
    """Take a request and go on at the label; the last one of a choice is mandatory."""
    optional = "" if is_last else 'optional="true"'
    following = f'next="{next_label}"' if next_label else ""
    return f'<recv request="{method}" {optional} {attributes} {following}/>'


def recv_response(status: int, next_label: str = "", is_last: bool = False) -> str:
    """Take a response to our own request and go on at the label."""
    optional = "" if is_last else 'optional="true"'
    following = f'next="{next_label}"' if next_label else ""
    return f'<recv response="{status}" {optional} {following}/>'


def send(head: str, body: str = "", attributes: str = "") -> str:
    """Send a message.

    Args:
        head: Its lines, each with its line break, without the fields of the body.
        body: Its body; a session description unless the head says otherwise.
        attributes: Of the element.
    """
    is_typed = "Content-Type:" in head
    content_type = "Content-Type: application/sdp\n" if body and not is_typed else ""
    message = f"{head}{content_type}Content-Length: [len]\n\n{body}"
    return f"<send {attributes}><![CDATA[\n\n{message}\n\n]]></send>"
