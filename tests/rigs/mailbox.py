"""A mail server on loopback that answers from a script, on aiosmtpd.

    with Mailbox() as mailbox:                             # clear; MailTls(...) for TLS
        mailbox.script("rcpt", "451 4.7.1 come back later")   # the next RCPT only
        mailbox.refuse("gone@example.org", "550 5.1.1 no such user")   # that recipient, always
        mailbox.script("data", DROP_AFTER)
        ...send to mailbox.host, mailbox.port...
        assert [mail.message["Message-ID"] for mail in mailbox.mails] == [...]

Stages are ``connect``, ``ehlo``, ``mail``, ``rcpt`` and ``data``; a reply of 421 also hangs up.
"""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Any, Self

import trustme
from aiosmtpd.smtp import SMTP, AuthResult

DROP_BEFORE = "drop before taking it in"
DROP_AFTER = "drop after taking it in"
NEVER = "never answer"


@dataclass(frozen=True)
class Mail:
    """A mail that was taken in, whether or not the sender was told."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    encrypted: bool
    user: str

    @property
    def message(self) -> EmailMessage:
        """The mail, read."""
        made = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(made, EmailMessage)
        return made

    def part(self, kind: str) -> str:
        """The text of the ``plain`` or ``html`` part."""
        body = self.message.get_body((kind,))
        assert isinstance(body, EmailMessage)
        return str(body.get_content())


class MailTls:
    """A certificate for ``names`` by an authority of its own. ``implicit``: TLS from the first
    byte; else it is offered by STARTTLS."""

    def __init__(self, *names: str, implicit: bool = False) -> None:
        import ssl

        self.authority = trustme.CA()
        self.implicit = implicit
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(*(names or ("localhost", "127.0.0.1"))).configure_cert(
            self.context
        )

    @property
    def ca(self) -> bytes:
        """The authority's certificate, as PEM."""
        return self.authority.cert_pem.bytes()


class Mailbox:
    """The server, in a thread of its own. ``auth`` is the one user and password it knows."""

    host = "127.0.0.1"

    def __init__(self, tls: MailTls | None = None, auth: tuple[str, str] | None = None) -> None:
        self.port = 0
        self._tls = tls
        self._auth = auth
        self._lock = threading.Condition()
        self._mails: list[Mail] = []
        self._scripts: dict[str, deque[str]] = defaultdict(deque)
        self._refused: dict[str, str] = {}
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._connections: set[Any] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def script(self, stage: str, *replies: str) -> None:
        """Give the next commands of ``stage`` these replies, one each; a ``250`` means as usual."""
        with self._lock:
            self._scripts[stage].extend(replies)

    def refuse(self, recipient: str, reply: str) -> None:
        """Answer every RCPT for ``recipient`` so; an empty reply takes it in again."""
        with self._lock:
            self._refused[recipient] = reply

    @property
    def mails(self) -> tuple[Mail, ...]:
        """What was taken in so far."""
        with self._lock:
            return tuple(self._mails)

    def wait_for(self, count: int, timeout: float = 10) -> tuple[Mail, ...]:
        """The mails, as soon as there are ``count`` of them."""
        with self._lock:
            if not self._lock.wait_for(lambda: len(self._mails) >= count, timeout):
                raise TimeoutError(f"{len(self._mails)} of {count} mails came")
            return tuple(self._mails)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        implicit = self._tls.context if self._tls and self._tls.implicit else None
        made = self._loop.create_server(self._connection, self.host, 0, ssl=implicit)
        server = self._loop.run_until_complete(made)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        for connection in list(self._connections):
            if connection.transport is not None:
                connection.transport.abort()
        tasks = asyncio.all_tasks(self._loop) - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.01)  # transports close in rounds of the loop that follow

    def _connection(self) -> Any:
        offered = self._tls.context if self._tls and not self._tls.implicit else None
        connection = _Connection(
            self,
            hostname="mail.test",
            ident="test",
            loop=self._loop,
            tls_context=offered,
            require_starttls=offered is not None,
            auth_require_tls=offered is not None,
            auth_required=False,
            auth_exclude_mechanism=[] if self._auth else ["LOGIN", "PLAIN"],
            authenticator=self._authenticate,
        )
        self._connections.add(connection)
        return connection

    def next_reply(self, stage: str) -> str:
        """What the script says now, or nothing."""
        with self._lock:
            replies = self._scripts[stage]
            reply = replies.popleft() if replies else ""
            return "" if reply.startswith("250") else reply

    def _authenticate(self, server: Any, session: Any, envelope: Any, kind: str, data: Any) -> Any:
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == self._auth, handled=False, auth_data=given[0])

    async def handle_EHLO(  # noqa: N802 - aiosmtpd finds the handlers of a stage by these names
        self, server: Any, session: Any, envelope: Any, hostname: str, lines: list[str]
    ) -> Iterable[str]:
        session.host_name = hostname
        reply = await self._played("ehlo", server)
        return [reply] if reply else lines

    async def handle_MAIL(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        reply = await self._played("mail", server)
        if not reply:
            envelope.mail_from = address
        return reply or "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        reply = await self._played("rcpt", server) or self._refused.get(address, "")
        if not reply:
            envelope.rcpt_tos.append(address)
        return reply or "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        reply = self.next_reply("data")
        if not reply or reply in {DROP_AFTER, NEVER}:
            with self._lock:
                self._mails.append(
                    Mail(
                        envelope.mail_from,
                        tuple(envelope.rcpt_tos),
                        bytes(envelope.original_content),
                        encrypted=session.ssl is not None or bool(self._tls and self._tls.implicit),
                        user=str(session.auth_data or ""),
                    )
                )
                self._lock.notify_all()
        return await self._act(reply, server) or "250 2.0.0 taken in"

    async def _played(self, stage: str, server: Any) -> str:
        return await self._act(self.next_reply(stage), server)

    async def _act(self, reply: str, server: Any) -> str:
        if reply == NEVER:
            await asyncio.sleep(3600)
        if reply in {DROP_BEFORE, DROP_AFTER}:
            server.transport.abort()
            raise asyncio.CancelledError
        if reply.startswith("421"):
            self._loop.call_later(0.05, server.transport.close)
        return reply


class _Connection(SMTP):
    """A conversation whose greeting the script may change."""

    async def push(self, status: Any) -> None:
        mailbox: Mailbox = self.event_handler
        if isinstance(status, str) and status.startswith("220 mail.test"):
            status = await mailbox._played("connect", self) or status
        await super().push(status)
