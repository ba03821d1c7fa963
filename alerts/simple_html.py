"""The few tags of HTML that chat services know, around text that can never be one."""

from __future__ import annotations

from html import escape

from alerts.message import Entry, Text, cut_text
from alerts.text import cut


def utf16(text: str) -> int:
    """How long a text is for services that count UTF-16 code units."""
    return len(text) + sum(char > "\uffff" for char in text)


def inline(text: Text, limit: int) -> str:
    """The runs in at most ``limit`` UTF-16 units of what is read, matched words in bold."""
    shown = cut_text(text, limit, lambda run: utf16(run.text))
    return "".join(
        f"<b>{escape(run.text)}</b>" if run.marked else escape(run.text) for run in shown
    )


def words(text: str, limit: int) -> str:
    """Plain text in at most ``limit`` UTF-16 units, as text."""
    return escape(cut(text, limit, utf16))


def link(url: str, label: str) -> str:
    """``label``, which is HTML already, as a link."""
    return f'<a href="{escape(url)}">{label}</a>' if url else label


def title(entry: Entry, limit: int) -> str:
    """The title as the link; where it names another place, beside the link's own host."""
    shown = inline(entry.title, limit)
    if entry.labels_link:
        return link(entry.link, shown)
    return f"{shown} {link(entry.link, words(entry.host, 200))}" if entry.link else shown
