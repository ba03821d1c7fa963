"""One conditional GET: a feed's URL and what we know of it -> Fetched | NotModified | FetchFailed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal


@dataclass(frozen=True, slots=True)
class Validators:
    """ETag and Last-Modified as the server sent them, byte for byte, always kept as a pair.

    ``url`` is the final URL that gave them; no other URL is ever sent them (A8).
    """

    url: str
    etag: bytes | None = None
    last_modified: bytes | None = None


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """What to ask for. ``headers`` and ``auth`` are the operator's: never sent to another origin."""

    url: str
    validators: Validators | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    auth: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ServerHints:
    """What the response's headers say about when to come back. ``max_age``: already less Age."""

    max_age: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """A 200 with its whole body, decompressed. ``moved_to``: where an unbroken chain of permanent
    redirects (301, 308) from the configured URL led, else None. ``content_type`` is the raw header."""

    url: str
    body: bytes
    content_type: str
    validators: Validators | None
    hints: ServerHints
    moved_to: str | None = None
    status: int = 200


@dataclass(frozen=True, slots=True)
class NotModified:
    """A 304. ``validators``: a new pair, when the 304 carried one (A5)."""

    validators: Validators | None
    hints: ServerHints
    moved_to: str | None = None
    status: int = 304


FailureKind = Literal[
    "timeout",  # the total deadline
    "dns",
    "refused",  # or unreachable
    "tls",
    "dropped",  # the connection ended early
    "blocked",  # our guard refused to dial
    "redirects",  # too many, a circle, a downgrade, a bad Location
    "too_big",
    "protocol",  # not HTTP, or an encoding we did not ask for
    "status",  # any other status
    "rate_limited",  # 429, or 503 with Retry-After
    "gone",  # 410
]


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """No usable answer. ``message`` is one clean line for the operator, without secrets.
    ``retry_at`` is the server's own Retry-After, as an aware UTC time."""

    kind: FailureKind
    message: str
    status: int | None = None
    retry_at: datetime | None = None


FetchResult = Fetched | NotModified | FetchFailed
