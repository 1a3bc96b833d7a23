"""Tests of `twistd sipuac`: its options, and the service that they make."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.application.service import IServiceMaker, MultiService
from twisted.internet.defer import fail
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.plugin import getPlugins
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog.fork_policy import POLICIES
from sipuac.errors import LocalProtocolError
from sipuac.service import tap
from sipuac.service.http_endpoint import checked_http_endpoint
from sipuac.service.inviter_service import InviterService
from sipuac.service.values import FORK_POLICIES
from tests.transport.certificates import dns, issue


def parsed(*arguments: str) -> tap.Options:
    """The options of `twistd sipuac`."""
    options = tap.Options()
    options.parseOptions(list(arguments))
    return options


class PluginTests(SynchronousTestCase):
    """Tests of the plugin."""

    def test_twistd_finds_it(self) -> None:
        """`twistd --help` lists the service."""
        [plugin] = [
            plugin
            for plugin in getPlugins(IServiceMaker)
            if getattr(plugin, "tapname", None) == "sipuac"
        ]
        self.assertTrue(plugin.description)
        self.assertIs(plugin.options, tap.Options)
        self.assertIs(plugin.makeService, tap.makeService)


class OptionsTests(SynchronousTestCase):
    """Tests of `Options`."""

    def test_defaults(self) -> None:
        """Nothing must be given; HTTP is off."""
        options = parsed()
        arguments = options.inviter_arguments()
        self.assertEqual((arguments["listen"], arguments["drain"]), ([], 10.0))
        self.assertIsNone(options["http"])
        self.assertIsNone(arguments["rate"])

    def test_rate(self) -> None:
        """--rate says how many calls leave in a second, of a demo too."""
        for arguments in (["--rate", "2.5"], ["--rate", "2.5", "--demo"]):
            self.assertEqual(parsed(*arguments).inviter_arguments()["rate"], 2.5)

    def test_listeners(self) -> None:
        """--listen may be given several times, for UDP, TCP and TLS."""
        files = issue([dns("example.com")]).write(self.mktemp())
        listen = [
            "udp:5060:interface=127.0.0.1",
            "tcp:5060",
            f"ssl:5061:privateKey={files.private_key}:certKey={files.certificate}",
        ]
        options = parsed(*(f"--listen={text}" for text in listen))
        self.assertEqual(options.inviter_arguments()["listen"], listen)

    def test_refused(self) -> None:
        """Each bad value is refused when the options are read, in one line."""
        missing = self.mktemp()
        Path(self.mktemp()).mkdir()
        for arguments, word in (
            (["extra"], "arguments"),
            (["--nonsense"], "nonsense"),
            (["--listen", "sctp:5060"], "--listen"),
            (["--listen", "udp:port"], "--listen"),
            (["--listen", "udp:5060:interface=example.com"], "--listen"),
            (["--listen", "ssl:5061"], "--listen"),
            (["--listen", f"ssl:5061:privateKey={missing}"], "--listen"),
            (["--listen", f"ssl:5061:privateKey={__file__}"], "--listen"),
            (["--http", "8080"], "--http"),
            (["--http", "tcp:port"], "--http"),
            (["--rate", "fast"], "--rate"),
            (["--rate", "0"], "--rate"),
            (["--rate", "nan"], "--rate"),
            (["--drain", "long"], "--drain"),
            (["--drain", "-1"], "--drain"),
            (["--demo", "--proxy", "sip:192.0.2.1"], "--demo"),
            (["--proxy", "nowhere"], "--proxy"),
            (["--from", "alice"], "--from"),
            (["--on-fork", "follow"], "--on-fork"),
            (["--on-fork", "panic"], "--on-fork"),
            (["--media", "opus"], "--media"),
            (["--sdp", missing], "--sdp"),
            (["--tls-ca", missing], "--tls-ca"),
            (["--resolve", "a"], "--resolve"),
            (["--nameserver", "a"], "--nameserver"),
            (["--answer-timeout", "0"], "--answer-timeout"),
            (["--bind", "192.0.2.1"], "--bind"),
            (["--duration", "1"], "--duration"),
        ):
            with self.subTest(arguments=arguments):
                error = self.assertRaises(UsageError, parsed, *arguments)
                self.assertIn(word, str(error))
                self.assertNotIn("\n", str(error))

    def test_fork_policies(self) -> None:
        """Every policy of the package has its name here, and what it needs."""
        self.assertEqual(sorted(FORK_POLICIES), sorted(POLICIES))
        early = [name for name, one in POLICIES.items() if one.needs_early_media]
        self.assertEqual(sorted(tap.EARLY_MEDIA_POLICIES), sorted(early))

    def test_help_names_every_option(self) -> None:
        """No option is without words, and what is not built yet is not there."""
        options = tap.Options()
        self.assertNotIn(None, options.docs.values())
        text = str(options)
        for name in ("listen", "http", "drain", "demo", "resolve", "from", "proxy"):
            self.assertIn(f"--{name}", text)
        self.assertIn("--nameserver", text)


class HttpEndpointTests(SynchronousTestCase):
    """Tests of `checked_http_endpoint`."""

    def test_loopback_by_default(self) -> None:
        """An endpoint without interface is bound to this machine."""
        for text, checked in (
            ("tcp:8080", "tcp:8080:interface=127.0.0.1"),
            ("tcp:port=8080", "tcp:port=8080:interface=127.0.0.1"),
            ("tcp6:8080", "tcp6:8080:interface=\\:\\:1"),
            ("tcp:8080:backlog=5", "tcp:8080:backlog=5:interface=127.0.0.1"),
        ):
            self.assertEqual(checked_http_endpoint(text), checked)

    def test_as_the_operator_says(self) -> None:
        """An interface that is named stays, and a local socket has none."""
        for text in (
            "tcp:8080:interface=192.0.2.1",
            "unix:/run/sipuac.sock:mode=660",
        ):
            self.assertEqual(checked_http_endpoint(text), text)

    def test_refused(self) -> None:
        """What is no endpoint is refused in one line."""
        for text in (
            "",
            "8080",
            ":",
            "tcp",
            "tcp:",
            "tcp:x",
            "tcp:99999",
            "tcp:-1",
            "tcp:80:interface=::1",
            "tcp:80:nonsense=1",
            "unix:",
            "udp:80",
            "ssl:443",
            "ssl:443:privateKey=/nowhere",
            "haproxy:tcp:80",
            "tls:example.com:443",
        ):
            with self.subTest(text=text):
                error = self.assertRaises(UsageError, checked_http_endpoint, text)
                self.assertTrue(str(error).startswith("--http"))
                self.assertNotIn("\n", str(error))


class MakeServiceTests(SynchronousTestCase):
    """Tests of the service, on a reactor in memory."""

    def service(self, *arguments: str) -> MultiService:
        """The service of these options."""
        self.reactor = MemoryReactorClock()
        return tap.make_service(parsed(*arguments), self.reactor)

    def test_children(self) -> None:
        """The service is a `MultiService` of named children."""
        root = self.service("--http", "tcp:8080")
        self.assertEqual([child.name for child in root], ["signals", "http", "inviter"])
        self.assertIsInstance(root.getServiceNamed("inviter"), InviterService)

    def test_http_is_off(self) -> None:
        """Without --http there is no HTTP."""
        root = self.service()
        self.assertEqual([child.name for child in root], ["signals", "inviter"])

    def test_sockets(self) -> None:
        """The service listens where it was told, and nowhere else."""
        root = self.service(
            "--http", "tcp:8080", "--listen", "tcp:5070:interface=127.0.0.1"
        )
        root.privilegedStartService()
        root.startService()
        listening = sorted(
            (server[3:4] or ("",), server[0]) for server in self.reactor.tcpServers
        )
        self.assertEqual([port for _, port in listening], [5070, 8080])
        interfaces = {server[0]: server[3] for server in self.reactor.tcpServers}
        self.assertEqual(interfaces, {5070: "127.0.0.1", 8080: "127.0.0.1"})
        self.successResultOf(root.stopService())

    def test_two_in_one_process(self) -> None:
        """Nothing is shared by two services."""
        first, second = self.service("--http", "tcp:1"), self.service("--http", "tcp:2")
        self.assertIsNot(
            first.getServiceNamed("inviter"), second.getServiceNamed("inviter")
        )

    def test_calls_have_the_options(self) -> None:
        """A call over HTTP is as the options say, where its body says nothing."""
        asked: list[dict[str, Any]] = []

        def invite(service: object, target: str, **options: Any) -> Any:
            asked.append({"target": target, **options})
            return fail(LocalProtocolError("not in this test"))

        self.patch(InviterService, "invite", invite)
        root = self.service(
            "--http", "tcp:8080", "--early-media", "--media", "single-answer",
            "--on-fork", "cancel-extras", "--answer-timeout", "42",
            "--session-expires", "120",
        )  # fmt: skip
        root.getServiceNamed("http").privilegedStartService()
        site: Any = self.reactor.tcpServers[0][1]
        body = json.dumps({"to": "sip:bob@example.com"}).encode("ascii")
        request = (
            b"POST /v1/calls HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
        ) % (len(body), body)
        channel = site.buildProtocol(None)
        channel.makeConnection(StringTransport())
        channel.dataReceived(request)
        [options] = asked
        del options["delegate"]
        self.assertEqual(
            options,
            {
                "target": "sip:bob@example.com",
                "early_media": True,
                "without_sdp": False,
                "on_fork": "cancel-extras",
                "answer_timeout": 42.0,
                "session_expires": 120,
                "follow_redirects": False,
            },
        )
