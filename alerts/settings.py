"""What the settings of every channel share: types whose mistakes read well and whose values hide.

A channel's `Settings` holds the keys of its own; `type`, `retry`, `timeout`, `fallback` and
`enabled` belong to every channel and are read by the daemon.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr


class ChannelSettings(BaseModel):
    """Settings of a channel: frozen, no unknown keys, values kept out of messages."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @property
    def destination(self) -> str:
        """The address of the place alerts go, a secret: channels that share it share its limits.
        Empty where there is none."""
        url = getattr(self, "url", None)
        return url.get_secret_value() if isinstance(url, SecretStr) else ""


def _http_url(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text.isascii() or any(c <= " " or c in '<>"\\^`{|}\x7f' for c in text):
        raise ValueError(
            "an address cannot hold spaces, < > { } or letters beyond ASCII; copy it again"
        )
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("not an address; expected https://host/path") from None
    if parts.scheme not in {"https", "http"} or not host:
        raise ValueError("not an address; expected https://host/path")
    return value


HttpUrl = Annotated[SecretStr, AfterValidator(_http_url)]
"""An http or https address. The whole of it is a secret: such addresses carry tokens."""
