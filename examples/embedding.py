"""A call in a Twisted application of your own: `python examples/embedding.py`."""

from twisted.application.service import MultiService
from twisted.internet import task

from sipuac import InviterService, SipError
from sipuac.testing.demo import DemoPeers


async def main(reactor):
    """Place a call through the embedded proxy and hang up when it stands."""
    await (peers := DemoPeers(reactor)).start()
    application = MultiService()
    inviter = InviterService("sip:me@127.0.0.1", peers.proxy_uri, reactor=reactor)
    inviter.setServiceParent(application)
    application.startService()
    try:
        session = await inviter.call(peers.target_uri, early_media=True)
        print(await session.bye())
    except SipError as error:
        print("no call:", error)
    await application.stopService()


task.react(main)
