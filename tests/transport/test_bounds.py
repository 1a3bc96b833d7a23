"""How many connections there may be."""

from __future__ import annotations

import resource

from twisted.trial.unittest import SynchronousTestCase

from sipuac.transport.bounds import ConnectionBounds, descriptor_limit


class DescriptorTests(SynchronousTestCase):
    """Connections of others do not take the descriptors that we need ourselves."""

    def test_few_descriptors(self) -> None:
        """At most half of what the process may have open is for those of others."""
        bounds = ConnectionBounds().within(1024)
        self.assertEqual(bounds, ConnectionBounds(max_accepted=512))
        self.assertEqual(ConnectionBounds().within(256).max_accepted, 128)

    def test_many_descriptors(self) -> None:
        """Where there is room, nothing changes."""
        self.assertEqual(ConnectionBounds().within(2000), ConnectionBounds())
        self.assertEqual(ConnectionBounds().within(None), ConnectionBounds())

    def test_limit_of_the_process(self) -> None:
        """The limit is the one that holds now, not the one it could be raised to."""
        usual = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, usual)
        resource.setrlimit(resource.RLIMIT_NOFILE, (usual[0] - 1, usual[1]))
        self.assertEqual(descriptor_limit(), usual[0] - 1)
