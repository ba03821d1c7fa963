"""Events: what operators should know about the daemon itself, stored and told to ``notify:``."""

from __future__ import annotations

from datetime import datetime

import alerts
from monitor.config import Config
from monitor.ids import new_id
from monitor.logs import outcome
from monitor.store import NewDelivery, Store


def tell(
    store: Store, config: Config, now: datetime, name: str, subject: str, message: str
) -> None:
    """Store the event and queue it for every channel of ``notify:``; joins a transaction."""
    with store.transaction():
        store.add_event(name, subject, message, now)
        store.queue(
            [
                _delivery(channel, alerts.Event(name, subject, message), now)
                for channel in config.notify
                if channel in config.channels and config.channels[channel].enabled
            ],
            now,
        )
    outcome("WARNING", "event", name=name, subject=subject, message=message)


def _delivery(channel: str, event: alerts.Event, now: datetime) -> NewDelivery:
    delivery_id = new_id()
    alert = alerts.Alert(id=delivery_id, at=now, body=event)
    return NewDelivery(
        id=delivery_id,
        channel=channel,
        kind="event",
        alert=alert.to_json(),
        title=event.message,
    )
