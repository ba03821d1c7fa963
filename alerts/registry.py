"""Which channels there are: one line each, imported only when one is configured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    from pydantic import BaseModel

    from alerts.channel import Channel, Tools


@dataclass(frozen=True, slots=True)
class ChannelType:
    """A kind of channel: ``module`` holds the class ``name`` and its ``Settings``.

    ``every_hit``: it is given each hit of a story, not only the first. ``pause``: seconds that the
    service wants between two messages to one address. ``templated``: its text may be the
    operator's. ``follows``: what becomes of more hits of a story: a quiet message in the
    ``thread`` of the first, an ``edit`` of it, or, empty, a summary when the story closes.
    """

    module: str
    name: str
    every_hit: bool = False
    pause: float = 0.0
    templated: bool = True
    follows: Literal["thread", "edit", ""] = ""

    def settings(self) -> type[BaseModel]:
        """The model of the keys of its own that this kind of channel has in YAML."""
        return cast("type[BaseModel]", import_module(self.module).Settings)

    def make(self, name: str, settings: BaseModel, tools: Tools) -> Channel:
        """A channel, ready to send."""
        made = getattr(import_module(self.module), self.name)(name, settings, tools)
        return cast("Channel", made)


CHANNEL_TYPES: Mapping[str, ChannelType] = MappingProxyType(
    {
        "apprise": ChannelType("alerts.apprise", "Apprise"),
        "console": ChannelType("alerts.console", "Console", every_hit=True),
        "discord": ChannelType("alerts.discord", "Discord", pause=2.0, follows="edit"),
        "googlechat": ChannelType("alerts.googlechat", "GoogleChat", pause=1.0),
        "mail": ChannelType("alerts.mail", "Mail", follows="thread"),
        "matrix": ChannelType("alerts.matrix", "Matrix", pause=1.0, follows="thread"),
        "mattermost": ChannelType("alerts.mattermost", "Mattermost", pause=0.5),
        "ntfy": ChannelType("alerts.ntfy", "Ntfy", pause=1.0),
        "slack": ChannelType("alerts.slack", "Slack", pause=1.0, follows="thread"),
        "teams": ChannelType("alerts.teams", "Teams", pause=0.5),
        "telegram": ChannelType("alerts.telegram", "Telegram", pause=3.0, follows="thread"),
        "webhook": ChannelType("alerts.webhook", "Webhook", every_hit=True, templated=False),
    }
)


def settings_model(type: str) -> type[BaseModel]:  # noqa: A002 - the key's own name in YAML
    """The settings of a kind of channel.

    Raises:
        KeyError: there is no such kind; `CHANNEL_TYPES` has them all.
    """
    return CHANNEL_TYPES[type].settings()


def make(
    type: str,  # noqa: A002 - the key's own name in YAML
    name: str,
    settings: BaseModel,
    tools: Tools,
    template: str | None = None,
) -> Channel:
    """The channel ``name``, ready to send; ``template``: what its messages say instead.

    Raises:
        KeyError: there is no such kind.
        ValueError: the template is none.
    """
    if template is not None:
        from alerts.template import Template  # noqa: PLC0415 - few have one, and Jinja2 is large

        tools = replace(tools, message=Template(template).message)
    return CHANNEL_TYPES[type].make(name, settings, tools)
