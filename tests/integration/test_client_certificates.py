"""A Kamailio that takes TLS only from clients whose certificate it trusts."""

from __future__ import annotations

from cryptography.x509.oid import ExtendedKeyUsageOID

from sipuac.errors import TransportFailed
from sipuac.transport.tls import OwnCertificate
from tests.integration.peers import Kamailio
from tests.integration.proxies import ProxyCase, written_by
from tests.integration.scenarios import Behaviour
from tests.transport.certificates import Issued, authority, issue, uri


class ClientCertificateTests(ProxyCase):
    """`--tls-cert` and `--tls-key` (3261-26.3.1-a)."""

    transport = "TLS"

    def setUp(self) -> None:
        """An authority of clients; that of the server is another one."""
        super().setUp()
        self.clients = authority("authority of clients")

    async def asking_registrar(self) -> Kamailio:
        """A registrar that insists on a certificate, with Bob's phone."""
        phone = self.phone(Behaviour(), "tcp")
        ca = self.clients.write(str(self.folder / "clients")).certificate
        kamailio = await self.registrar(VERIFY="1", CA=ca)
        await self.register(kamailio, "bob", phone)
        return kamailio

    def certificate(self, issuer: Issued) -> OwnCertificate:
        """Alice's certificate and its key, each in a file of its own."""
        names = [uri("sip:alice@localhost")]
        usage = ExtendedKeyUsageOID.CLIENT_AUTH
        issued = issue(names, issuer=issuer, common_name="alice", usage=usage)
        return issued.write(str(self.folder / "alice"))

    def options(self, kamailio: Kamailio, *more: str) -> tuple[str, ...]:
        """Options of all commands."""
        trusted = ("--tls-ca", str(kamailio.ca_file))
        return ("--proxy", kamailio.uri("TLS"), *trusted, *more)

    async def test_shown(self) -> None:
        """With the certificate a call and its BYE go over one connection, and digest on
        top of it.
        """
        kamailio = await self.asking_registrar()
        ours = self.certificate(self.clients)
        shown = ("--tls-cert", ours.certificate, "--tls-key", ours.private_key)
        call = self.sipuac(
            *("call", "sip:bob@localhost", "--duration", "0.2"),
            *self.options(kamailio, *shown),
        )
        await self.ended(call)
        (phone,) = self.phones
        self.check(phone, "INVITE", "ACK", "BYE")
        invites = [line for line in written_by(kamailio) if " INVITE " in line]
        self.assertEqual(
            invites,
            [
                "challenged INVITE 1 over tls of alice",
                "passed INVITE 2 by MD5 as alice in localhost",
            ],
        )
        registration = self.sipuac(
            *("register", "--duration", "0.1"), *self.options(kamailio, *shown)
        )
        await self.ended(registration)
        query = self.sipuac(
            "options", "sips:localhost", *self.options(kamailio, *shown)
        )
        self.assertIn("verified", await self.ended(query))
        self.check_no_complaints()

    async def refused(self, why: str, *shown: str) -> None:
        """Nothing goes through, and the words say why (3261-26.3.1-a)."""
        kamailio = await self.asking_registrar()
        for command in (
            ("call", "sip:bob@localhost"),
            ("register",),
            ("options", "sips:localhost"),
        ):
            program = self.sipuac(*command, *self.options(kamailio, *shown))
            self.assertIn(why, await self.ended(program, 6))
        (phone,) = self.phones
        self.assertEqual(phone.received(), [])
        self.assertNotIn("over tls", kamailio.output)

    async def test_missing(self) -> None:
        """Without one there is no connection; the call ends, it does not hang."""
        await self.refused("TLS failed: the peer requires a certificate of ours")

    async def test_of_another_authority(self) -> None:
        """Nor with one that Kamailio does not trust."""
        ours = self.certificate(authority("another authority"))
        shown = ("--tls-cert", ours.certificate, "--tls-key", ours.private_key)
        await self.refused("TLS failed: the peer does not trust the issuer of", *shown)

    async def test_service_survives(self) -> None:
        """A service that is refused fails each call, and goes on; the one that has the
        certificate later is let in.
        """
        kamailio = await self.asking_registrar()
        service = self.alice(kamailio)
        for _ in range(3):
            call = service.call("sip:bob@localhost")
            await self.failure_of(call, TransportFailed)
        ours = self.certificate(self.clients)
        other = self.alice(
            kamailio, tls_cert=ours.certificate, tls_key=ours.private_key
        )
        await (await other.call("sip:bob@localhost")).bye()
        self.check(self.phones[0], "INVITE", "ACK", "BYE")
