"""What must be so before a command asks a publisher for anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.cli.common import fail

if TYPE_CHECKING:
    from monitor.config import Config, FeedConfig


def require_contact(config: Config) -> None:
    """Publishers can be told whom to write to (A21); exits with a mistake where they cannot."""
    from monitor.config import missing_contact

    if not config.contact:
        fail(missing_contact(config.files[0]).headline)


def needs_the_service(feed: FeedConfig) -> bool:
    """Whether the feed is asked with a credential that only the service has."""
    from monitor.secrets import placeholder

    texts = (feed.url, *feed.headers.values(), *(feed.auth or ()))
    return any(placeholder("") in text for text in texts)
