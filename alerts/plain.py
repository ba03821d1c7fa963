"""A message as plain text: for the terminal, the journal and the text part of a mail."""

from __future__ import annotations

from alerts.message import Entry, Message, Text, when

_SEVERE = {"low": "", "normal": "", "high": "HIGH ", "critical": "CRITICAL "}


def plain(message: Message) -> str:
    """The message as lines; matched words between asterisks, links alone on their line."""
    lines = [_heading(message)]
    if message.text:
        lines.append(f"  {message.text}")
    several = len(message.entries) > 1 or bool(message.more)
    for entry in message.entries:
        lines += [f"  {line}" for line in _entry(entry, titled=several)]
    if message.more:
        lines.append(f"  and {message.more} more")
    lines += [f"  {name}: {value}" for name, value in message.facts]
    if message.ask:
        lines.append(f"  {message.ask}")
    return "\n".join(lines)


def _heading(message: Message) -> str:
    severe = _SEVERE[message.severity]
    if len(message.entries) == 1 and not message.more and message.rule:
        return f"{severe}[{message.rule}] {inline(message.entries[0].title)}"
    return f"{severe}{message.heading}"


def _entry(entry: Entry, *, titled: bool) -> list[str]:
    lines = [f"- {inline(entry.title)}"] if titled else []
    about = [entry.source, when(entry.at), entry.lang]
    lines.append(" · ".join(part for part in about if part))
    lines += [inline(excerpt) for excerpt in entry.excerpts]
    if entry.link:
        lines.append(entry.link)
    return lines


def inline(text: Text) -> str:
    """Matched words between asterisks."""
    return "".join(f"*{run.text}*" if run.marked else run.text for run in text)
