"""Alerts as signed JSON to an address of the operator's choice: Standard Webhooks.

The bytes that are signed are the bytes that are sent. ``webhook-id`` is the delivery's id, the
same on every attempt; the timestamp is the attempt's. Source: standardwebhooks.com, the
specification's "Payload", "Signature scheme" and "Deliverability".
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, SecretStr
from standardwebhooks import Webhook as Signer

from alerts.alert import Alert
from alerts.channel import Receipt, Tools
from alerts.http import post, settle
from alerts.payload import payload_bytes
from alerts.settings import ChannelSettings, HttpUrl

_HOW = "expected whsec_ and base64, such as: echo whsec_$(openssl rand -base64 32)"


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str | SecretStr) else value


def _secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value().removeprefix("whsec_").rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"not a webhook secret; {_HOW}") from None
    if not key:
        raise ValueError(f"an empty webhook secret; {_HOW}")
    return value


class Settings(ChannelSettings):
    """``secret`` may be a list while a new secret replaces an old one; every one signs.
    Without a secret nothing is signed."""

    url: HttpUrl
    secret: Annotated[
        tuple[Annotated[SecretStr, AfterValidator(_secret)], ...], BeforeValidator(_as_list)
    ] = ()


class Webhook:
    """POSTs each alert; any 2xx is success."""

    def __init__(self, _name: str, settings: Settings, tools: Tools) -> None:
        self._url = settings.url.get_secret_value()
        self._signers = tuple(Signer(secret.get_secret_value()) for secret in settings.secret)
        self._http = tools.http

    async def send(self, alert: Alert, now: datetime) -> Receipt:
        """POST the alert once.

        Raises:
            TemporaryFailure, PermanentFailure: as `alerts.http.settle` reads the answer.
        """
        body = payload_bytes(alert)
        reply = await post(self._http, self._url, body, self._headers(alert.id, body, now))
        return settle(reply, self._url, now)

    def _headers(self, id: str, body: bytes, now: datetime) -> dict[str, str]:  # noqa: A002 - the header's own name
        at = now.astimezone(UTC)
        headers = {
            "content-type": "application/json",
            "webhook-id": id,
            "webhook-timestamp": str(int(at.timestamp())),
        }
        if self._signers:
            signed = [signer.sign(id, at, body.decode()) for signer in self._signers]
            headers["webhook-signature"] = " ".join(signed)
        return headers
