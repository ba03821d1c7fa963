"""Alerts to everything else, by Apprise, where it is installed: ``pip install wirewatch[apprise]``.

Apprise says yes or no, not why for good: every failure is tried again. It dials by itself, past the
guard of the daemon; only an address that its URL itself shows to be private is asked of the guard
first. Redirects are not followed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import threading
import warnings
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote

from pydantic import AfterValidator, SecretStr

from alerts.alert import Alert
from alerts.channel import Receipt, TemporaryFailure, Tools
from alerts.plain import plain
from alerts.settings import ChannelSettings
from alerts.text import clean, cut

if TYPE_CHECKING:
    from apprise import NotifyBase

TITLE = 200
BODY = 4_000
_INSTALL = "needs Apprise, which is not installed; pip install 'wirewatch[apprise]'"
_PORTS = {False: 80, True: 443}


def _service(url: str) -> NotifyBase:
    """What Apprise makes of a URL.

    Raises:
        ValueError: Apprise is not installed, or knows no such URL.
    """
    try:
        import apprise  # noqa: PLC0415 - an extra, and large
    except ImportError:
        raise ValueError(_INSTALL) from None
    # Apprise logs URLs, secrets and all; what matters of it is told by us.
    logging.getLogger("apprise").propagate = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Apprise's own plugins, which it loads here
        asset = apprise.AppriseAsset(storage_mode="memory", async_mode=False, http_redirects=False)
        made = apprise.Apprise.instantiate(url, asset=asset)
    if not isinstance(made, apprise.NotifyBase):
        raise ValueError("not an Apprise URL; appriseit.com lists the form for each service")  # noqa: TRY004 - a value of the operator's
    return made


def _url(value: SecretStr) -> SecretStr:
    _service(value.get_secret_value())
    return value


class Settings(ChannelSettings):
    """``url``: an Apprise URL, such as pover://user@token."""

    url: Annotated[SecretStr, AfterValidator(_url)]


class Apprise:
    """Hands each alert to Apprise as plain text, in a thread of its own."""

    def __init__(self, _name: str, settings: Settings, tools: Tools) -> None:
        self._url = settings.url.get_secret_value()
        self._service = _service(self._url)
        self._dial = tools.dial
        self._message = tools.message

    async def send(self, alert: Alert, now: datetime) -> Receipt:  # noqa: ARG002 - the contract's
        """Hand the alert over.

        Raises:
            TemporaryFailure: Apprise could not, for whatever reason.
        """
        await self._ask_the_guard()
        message = self._message(alert)
        body = cut(_inert(plain(message)), min(BODY, self._service.body_maxlen))
        said = await _in_a_thread(self._notify, body, cut(_inert(message.heading), TITLE))
        if said is not None:
            words = self._without_secrets(said) or "it did not say why"
            raise TemporaryFailure(f"Apprise could not send it: {words}")
        return Receipt("sent")

    async def _ask_the_guard(self) -> None:
        """Dial what the URL shows to be private; the guard lets through what is allowed."""
        service = self._service
        host = service.host or ""
        forms: Iterable[str] = service.templates
        if not any("{host}" in form for form in forms) or not _is_private(host):
            return
        port = service.port or _PORTS[bool(service.secure)]
        try:
            sock = await self._dial(host, port)
        except OSError as error:
            raise TemporaryFailure(f"cannot connect to {host}:{port}: {error}") from error
        sock.close()

    def _notify(self, body: str, title: str) -> str | None:
        """None when it is sent, else Apprise's last words on why not."""
        from apprise import Apprise as Sender  # noqa: PLC0415 - an extra, and large

        words: list[str] = []
        sender = Sender(asset=self._service.asset)
        sender.add(self._service)
        sent = sender.notify(
            body=body,
            title=title,
            body_format="text",
            interpret_escapes=False,
            log_callback=lambda entry, _service: words.append(str(entry.message)),
            log_level=30,
        )
        return None if sent else (words[-1] if words else "")

    def _without_secrets(self, said: str) -> str:
        """Apprise's words, without what stands in its URL besides the host."""
        parts = re.split(r"[/:@?&=#]+", self._url)[1:]
        for part in {*parts, *map(unquote, parts)} - {self._service.host or ""}:
            if len(part) > 3 and not part.isdigit():
                said = said.replace(part, "…")
        return cut(clean(said), 200)


def _is_private(host: str) -> bool:
    """Whether a host is shown to be none of the public network's."""
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_global
    except ValueError:
        name = host.lower().rstrip(".")
        return "." not in name or name.endswith((".localhost", ".local", ".internal", ".lan"))


def _inert(text: str) -> str:
    """Text that no service reads as a mention or as a link to somewhere else; links stay."""
    return "\n".join(
        line if re.fullmatch(r" *https?://\S+", line) else _tamed(line) for line in text.split("\n")
    )


def _tamed(line: str) -> str:
    line = re.sub(r"@(?=\S)", "@\u200b", line)
    return re.sub(r"<(?=[!@#/a-zA-Z])", "‹", line).replace("](", "]\u200b(")


async def _in_a_thread(work: Any, *values: str) -> str | None:
    """What ``work`` gives, from a thread that nothing waits for when it is given up."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[str | None] = loop.create_future()

    def run() -> None:
        try:
            result, error = work(*values), None
        except Exception as wrong:  # noqa: BLE001 - raised where it is waited for
            result, error = None, wrong
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(_tell, done, result, error)

    threading.Thread(target=run, name="apprise", daemon=True).start()
    return await done


def _tell(done: asyncio.Future[str | None], result: str | None, error: Exception | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)
