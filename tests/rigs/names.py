"""RIG-DNS: made-up name resolution, for ``open_clients(lookup=...)`` and ``Guard(lookup=...)``."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any


class Names:
    """What each name answers, question by question; the last answer stays. ``_`` in a keyword is
    a dot: ``Names(feeds_example=["127.0.0.1"])``; several addresses at once are a list in the list.
    ``asked`` is every question so far. A name not given here does not exist."""

    def __init__(self, **answers: Sequence[str | list[str]]) -> None:
        self._answers = {
            name.replace("_", "."): [each if isinstance(each, list) else [each] for each in several]
            for name, several in answers.items()
        }
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[Any]:
        self.asked.append(host)
        turns = self._answers.get(host)
        if not turns:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        addresses = turns.pop(0) if len(turns) > 1 else turns[0]
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                socket.IPPROTO_TCP,
                "",
                (address, port, 0, 0) if ":" in address else (address, port),
            )
            for address in addresses
        ]
