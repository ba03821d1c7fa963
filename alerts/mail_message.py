"""A mail from an alert: headers that threads and filters understand, a text and an HTML part.

Pure: the same alert gives the same headers and the same texts on every attempt. Sources: RFC 5322
(Message-ID, Date, References), RFC 3834 (Auto-Submitted), RFC 2919 (List-Id).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

from alerts.alert import Alert
from alerts.channel import First
from alerts.message import Entry, Message, Text, follow_up_of, message_of, text_of, when
from alerts.plain import plain
from alerts.text import cut

_POLICY = SMTP.clone(cte_type="7bit")  # no server in between can break a line or a letter
LONGEST_SUBJECT = 200


def compose(
    alert: Alert, sender: Address, to: tuple[Address, ...], message: Message | None = None
) -> EmailMessage:
    """The mail, ready to send; it says ``message``, or what the alert says in our words."""
    message = message or message_of(alert)
    mail = _headed(alert, sender, to)
    mail["Subject"] = _subject(message)
    for name, value in _threading(message, sender.domain).items():
        mail[name] = value
    if message.severity in {"high", "critical"}:
        mail["Importance"] = "high"
    mail.set_content(plain(message) + "\n")
    mail.add_alternative(html(message), subtype="html")
    return mail


def compose_follow_up(
    alert: Alert, first: First, sender: Address, to: tuple[Address, ...]
) -> EmailMessage:
    """More of a story: a short answer to the mail that told it first, which is never important.

    Raises:
        TypeError: the alert is not about one hit.
    """
    said, entry = follow_up_of(alert, first.alert)
    before = message_of(first.alert)
    mail = _headed(alert, sender, to)
    mail["Subject"] = cut(f"Re: {_subject(before)}", LONGEST_SUBJECT)
    threading = _threading(before, sender.domain)
    mail["List-Id"] = threading["List-Id"]
    mail["In-Reply-To"] = first.ref
    mail["References"] = f"{threading['References']} {first.ref}"
    link = f"\n{entry.link}" if entry.link else ""
    mail.set_content(f"{said}: {text_of(entry.title)}{link}\n")
    page = _page(said, [f'<p class="about">{_bdi(said)}</p>', _article(entry, "h1")])
    mail.add_alternative(page, subtype="html")
    return mail


def _headed(alert: Alert, sender: Address, to: tuple[Address, ...]) -> EmailMessage:
    """A mail with the headers that all have."""
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = sender
    mail["To"] = to
    mail["Date"] = format_datetime(alert.at)
    mail["Message-ID"] = message_id(alert, sender.domain)
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    return mail


def message_id(alert: Alert, domain: str) -> str:
    """The same on every attempt, as the alert's id is."""
    return f"<{_token(alert.id)}@{domain}>"


def _threading(message: Message, domain: str) -> dict[str, str]:
    """Headers by which mail programs put the alerts of one rule together."""
    name = message.rule or "events"
    digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:16]
    label = name if re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?", name) else f"r-{digest}"
    root = f"<rule-{digest}.wirewatch@{domain}>"
    return {
        "List-Id": f"<{label}.wirewatch.{domain}>",
        "In-Reply-To": root,
        "References": root,
    }


def _token(text: str) -> str:
    """``text`` where it can stand left of the @ of a Message-ID, else a hash of it."""
    if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,80}[A-Za-z0-9])?", text) and ".." not in text:
        return text
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _subject(message: Message) -> str:
    severe = f" {message.severity}" if message.severity in {"high", "critical"} else ""
    subject = f"[{message.rule or 'wirewatch'}{severe}] {message.heading}"
    # `=?` would be read as an encoded word, which can hold line ends that cleaning did not see.
    return cut(subject.replace("=?", "= ?"), LONGEST_SUBJECT)


_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 40em; padding: 1em;
  color: #1a1a1a; background: #ffffff }
h1 { font-size: 1.25em; line-height: 1.3; margin: 0 0 .3em }
h2 { font-size: 1.05em; line-height: 1.3; margin: 1.2em 0 .2em }
a { color: #0b57d0 }
mark { color: inherit; background: #ffe08a; border-radius: .2em; padding: 0 .1em }
.about { color: #595959; font-size: .875em; margin: .3em 0 }
blockquote { margin: .6em 0; padding: 0 .8em; border-inline-start: 3px solid #c7c7c7 }
@media (prefers-color-scheme: dark) {
  body { color: #e8e8e8; background: #1b1b1b }
  a { color: #8ab4f8 }
  mark { background: #6b5300 }
  .about { color: #b0b0b0 }
  blockquote { border-color: #5a5a5a }
}
"""


def html(message: Message) -> str:
    """The message as a whole HTML document, readable on light and dark grounds."""
    several = len(message.entries) != 1 or message.more > 0
    parts = [f"<h1>{escape(message.heading)}</h1>"] if several else []
    if message.text:
        parts.append(f'<p dir="auto">{escape(message.text)}</p>')
    parts += [_article(entry, "h2" if several else "h1") for entry in message.entries]
    if message.more:
        parts.append(f"<p>and {message.more} more</p>")
    facts = [("rule", message.rule)] if message.rule else []
    told = [f"{escape(name)}: {_bdi(value)}" for name, value in [*facts, *message.facts]]
    if message.ask:
        label, _, words = message.ask.partition(": ")
        told.append(f"{escape(label)}: <code>{_bdi(words)}</code>")
    if told:
        parts.append(f'<p class="about">{"<br>".join(told)}</p>')
    return _page(message.heading, parts)


def _page(title: str, parts: Iterable[str]) -> str:
    """A whole document around these parts."""
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escape(title)}</title>",
            f"<style>{_STYLE}</style>\n</head>\n<body>",
            *parts,
            "</body>\n</html>\n",
        ]
    )


def _article(entry: Entry, heading: str) -> str:
    title = _marked(entry.title)
    if entry.link and entry.labels_link:
        title = f'<a href="{escape(entry.link)}">{title}</a>'
    about = [_bdi(entry.source)] if entry.source else []
    if entry.link:
        about.append(f'<a href="{escape(entry.link)}">{escape(entry.host)}</a>')
    about += [escape(when(entry.at)), *([escape(entry.lang)] if entry.lang else [])]
    quotes = [f'<blockquote dir="auto">{_marked(text)}</blockquote>' for text in entry.excerpts]
    return "\n".join(
        [
            f'<{heading} dir="auto">{title}</{heading}>',
            f'<p class="about">{" · ".join(about)}</p>',
            *quotes,
        ]
    )


def _bdi(text: str) -> str:
    """``text`` whose direction of writing does not change what stands beside it."""
    return f"<bdi>{escape(text)}</bdi>"


def _marked(text: Text) -> str:
    return "".join(
        f"<mark>{escape(run.text)}</mark>" if run.marked else escape(run.text) for run in text
    )
