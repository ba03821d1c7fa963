"""Alerts by mail, over TLS unless the operator writes otherwise.

``smtps://`` is TLS from the first byte (port 465). ``smtp://`` asks for STARTTLS (port 587) and
sends nothing where it is not offered, except to this machine itself (port 25), where nothing
passes a wire. ``smtp+starttls://`` asks for it there too. ``smtp+clear://`` never encrypts and
takes no password.

Chose to say which recipients already took a mail, so that the next attempt is given them, instead
of refusing the whole mail when one recipient is refused for now, because one full mailbox must not
keep an alert from the others. Sources: RFC 5321 (4.2.1, 4.5.4.1), RFC 8314, RFC 1047.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

import aiosmtplib
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from alerts.alert import Alert
from alerts.channel import First, PermanentFailure, Receipt, TemporaryFailure, Tools
from alerts.mail_message import compose, compose_follow_up
from alerts.settings import ChannelSettings
from alerts.text import clean, cut

_PORTS = {"smtps": 465, "smtp": 587, "smtp+starttls": 587, "smtp+clear": 25}
_FORM = "expected smtps://user:password@host or smtp://host:587"


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in, and how. ``security``: ``tls``, ``starttls`` or ``clear``."""

    host: str
    port: int
    security: str
    user: str
    password: str

    @property
    def name(self) -> str:
        """What may be shown of it."""
        return f"{self.host}:{self.port}"


def server_of(url: str) -> Server:
    """Read the address of a mail server.

    Raises:
        ValueError: with what to write instead.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(f"not a mail server's address; {_FORM}") from None
    if parts.scheme not in _PORTS:
        raise ValueError(f"a mail server's address begins with smtps:// or smtp://; {_FORM}")
    if not host or any(c <= " " for c in url) or parts.path.strip("/") or parts.query:
        raise ValueError(f"not a mail server's address; {_FORM}")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    security = _security(parts.scheme, host)
    if user and security == "clear" and not _is_local(host):
        raise ValueError("a password is only ever sent over TLS; write smtps:// or smtp://")
    usual = 25 if security == "clear" else _PORTS[parts.scheme]
    return Server(host, port or usual, security, user, password)


def _security(scheme: str, host: str) -> str:
    match scheme:
        case "smtps":
            return "tls"
        case "smtp" if _is_local(host):
            return "clear"
        case "smtp+clear":
            return "clear"
    return "starttls"


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _smtp(value: SecretStr) -> SecretStr:
    server_of(value.get_secret_value())
    return value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _address(text: str) -> str:
    address_of(text)
    return text


def address_of(text: str) -> Address:
    """``desk@example.org`` or ``News Desk <desk@example.org>``.

    Raises:
        ValueError: it is neither, or mail servers would not all take it.
    """
    name, spec = parseaddr(text)
    try:
        local, _, domain = spec.rpartition("@")
        made = Address(display_name=name, addr_spec=f"{local}@{domain.encode('idna').decode()}")
    except (HeaderParseError, ValueError, IndexError):
        made = Address()
    if not (made.username and made.domain and made.addr_spec.isascii() and text.isprintable()):
        raise ValueError(
            f"'{cut(clean(text), 60)}' is not a mail address; expected name@example.org"
        )
    return made


MailAddress = Annotated[str, AfterValidator(_address)]


def _authorities(path: Path | None) -> Path | None:
    if path is not None:
        if not path.is_absolute():
            raise ValueError("write the whole path, from / on")
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
        except OSError:
            raise ValueError(f"cannot read certificates from {path}") from None
    return path


class Settings(ChannelSettings):
    """``ca``: a file of certificate authorities to trust besides the system's."""

    to: Annotated[tuple[MailAddress, ...], BeforeValidator(_as_list), Field(min_length=1)]
    sender: MailAddress = Field(alias="from")
    smtp: Annotated[SecretStr, AfterValidator(_smtp)]
    ca: Annotated[Path | None, AfterValidator(_authorities)] = None


class Mail:
    """Hands each alert to the mail server, in one transaction for all its recipients."""

    def __init__(self, _name: str, settings: Settings, tools: Tools) -> None:
        to = {made.addr_spec: made for made in map(address_of, settings.to)}
        self._to = tuple(to.values())
        self._sender = address_of(settings.sender)
        self._server = server_of(settings.smtp.get_secret_value())
        self._ca = settings.ca
        self._tls: ssl.SSLContext | None = None
        self._dial = tools.dial
        self._message = tools.message

    async def send(self, alert: Alert, now: datetime) -> Receipt:  # noqa: ARG002 - the contract's
        """Send once.

        Raises:
            TemporaryFailure: no connection, a 4yz answer, or an end without an answer.
            PermanentFailure: a 5yz answer; the channel stops when the login is refused.
        """
        mail = compose(alert, self._sender, self._to, self._message(alert))
        await self._hand_in(alert, mail)
        return Receipt("250", mail["Message-ID"])

    async def follow(self, alert: Alert, first: First, now: datetime) -> Receipt:  # noqa: ARG002 - the contract's
        """A short answer to the story's first mail.

        Raises:
            TemporaryFailure, PermanentFailure: as `send`.
        """
        await self._hand_in(alert, compose_follow_up(alert, first, self._sender, self._to))
        return Receipt("250")

    async def _hand_in(self, alert: Alert, mail: EmailMessage) -> None:
        content = mail.as_bytes()
        left = [to.addr_spec for to in self._to if to.addr_spec not in alert.done]
        async with self._connection() as smtp:
            refused = await self._transact(smtp, left, content)
        if refused:
            raise self._refusal(refused, alert.done | set(left) - refused.keys())

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """A conversation with the server, encrypted as asked for and logged in. What goes wrong
        in it becomes one of the two failures."""
        smtp = aiosmtplib.SMTP(
            hostname=self._server.host,
            local_hostname=self._sender.domain,
            use_tls=self._server.security == "tls",
            start_tls=False,
            tls_context=self._context(),
        )
        with _told(self._server.name):
            sock = await self._dial(self._server.host, self._server.port)
            transport = None
            try:
                await smtp.connect(sock=sock)  # which owns it from here on
                await self._secure(smtp)
                transport = smtp.transport
                yield smtp
                with suppress(aiosmtplib.SMTPException):
                    await smtp.execute_command(b"QUIT", timeout=1)
            finally:
                _hang_up(transport or smtp.transport)
                smtp.close()

    async def _secure(self, smtp: aiosmtplib.SMTP) -> None:
        """STARTTLS where it is asked for, and the login."""
        await smtp.ehlo()
        if self._server.security == "starttls":
            if not smtp.supports_extension("starttls"):
                raise TemporaryFailure(
                    f"{self._server.name} offers no STARTTLS, so nothing was sent;"
                    " if it speaks TLS from the start, write smtps://"
                )
            await smtp.starttls()
            await smtp.ehlo()
        if self._server.user:
            if not smtp.supported_auth_methods:
                raise PermanentFailure(
                    f"{self._server.name} takes no login here; check the port in smtp,"
                    " or leave out user and password",
                    disables=True,
                )
            await smtp.login(self._server.user, self._server.password)

    async def _transact(
        self, smtp: aiosmtplib.SMTP, recipients: Iterable[str], content: bytes
    ) -> Mapping[str, aiosmtplib.SMTPRecipientRefused]:
        """One mail to ``recipients``; which of them were refused, and how."""
        refused: dict[str, aiosmtplib.SMTPRecipientRefused] = {}
        taken = False
        await smtp.mail(self._sender.addr_spec)
        for recipient in recipients:
            try:
                await smtp.rcpt(recipient)
                taken = True
            except aiosmtplib.SMTPRecipientRefused as answer:
                if answer.code == 421:
                    raise
                refused[recipient] = answer
        if taken:
            await self._hand_over(smtp, content)
        return refused

    async def _hand_over(self, smtp: aiosmtplib.SMTP, content: bytes) -> None:
        try:
            await smtp.data(content)
        except aiosmtplib.SMTPServerDisconnected as error:
            raise TemporaryFailure(
                f"{self._server.name} ended the connection without saying whether it took the"
                " mail; it is sent again with the same Message-ID"
            ) from error

    def _refusal(
        self,
        refused: Mapping[str, aiosmtplib.SMTPRecipientRefused],
        taken: Collection[str],
    ) -> TemporaryFailure | PermanentFailure:
        who = ", ".join(f"{name} ({_said(answer)})" for name, answer in refused.items())
        reason = f"{self._server.name} refused {who}"
        if taken:
            reason += f"; it took the mail for {', '.join(sorted(taken))}"
        if any(_is_temporary(answer.code) for answer in refused.values()):
            return TemporaryFailure(reason, done=taken)
        return PermanentFailure(reason, done=taken)

    def _context(self) -> ssl.SSLContext | None:
        if self._tls is None and self._server.security != "clear":
            self._tls = ssl.create_default_context()
            if self._ca is not None:
                self._tls.load_verify_locations(self._ca)
        return self._tls


def _hang_up(transport: asyncio.BaseTransport | None) -> None:
    """Close at once: a TLS connection that is closed politely waits for the other side."""
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


@contextmanager
def _told(server: str) -> Iterator[None]:
    """What goes wrong in here is told as one of the two failures."""
    try:
        yield
    except (aiosmtplib.SMTPException, OSError) as error:
        raise failure_of(error, server) from error


def failure_of(error: Exception, server: str) -> TemporaryFailure | PermanentFailure:
    """What an error of the conversation with ``server`` means for the alert."""
    match error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error:
        case ssl.SSLCertVerificationError() as wrong:
            return TemporaryFailure(
                f"the certificate of {server} is not trusted ({wrong.verify_message}); mend it"
                " there, or name its authority's file under ca"
            )
        case ssl.SSLError() as wrong:
            return TemporaryFailure(
                f"no TLS with {server} ({wrong.reason}); check whether it is smtps:// or smtp://"
            )
        case aiosmtplib.SMTPAuthenticationError() as answer if not _is_temporary(answer.code):
            return PermanentFailure(
                f"{server} refuses the login ({_said(answer)}); check user and password in smtp",
                disables=True,
            )
        case aiosmtplib.SMTPResponseException() as answer if 500 <= answer.code < 600:
            return PermanentFailure(f"{server} refused the mail ({_said(answer)})")
        case aiosmtplib.SMTPResponseException() as answer:
            return TemporaryFailure(f"{server} put the mail off ({_said(answer)})")
        case aiosmtplib.SMTPTimeoutError():
            return TemporaryFailure(f"{server} did not answer in time")
        case aiosmtplib.SMTPException():
            return TemporaryFailure(f"{server} ended the connection too early")
        case other:
            return TemporaryFailure(f"cannot connect to {server}: {cut(clean(str(other)), 160)}")


def _is_temporary(code: int) -> bool:
    return not 500 <= code < 600


def _said(answer: aiosmtplib.SMTPResponseException) -> str:
    return f"{answer.code} {cut(clean(answer.message), 120)}".rstrip()
