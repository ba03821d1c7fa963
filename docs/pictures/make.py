"""Pictures of alerts for docs/alerts.md: ``make pictures``, which needs chromium and pngquant.

Each is made from what is really sent: the mail's HTML as it is, the others by a small imitation of
how their chat shows the payload. What an imitation does not know raises, so that none flatters.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from html import escape, unescape
from pathlib import Path
from typing import Any

from alerts import Alert, Digest, Excerpt, Hit, Item, Match, Rule, Span, Story
from alerts.discord import render as discord
from alerts.mail_message import html as mail
from alerts.message import Message, message_of
from alerts.slack import render as slack
from alerts.teams import render as teams
from alerts.telegram import render as telegram

AT = datetime(2026, 11, 22, 19, 40, tzinfo=UTC)
WIDTH = 640
LARGEST = 60_000
HIGH, CRITICAL = Rule("xi-putin", "high", ("leaders",)), Rule("xi-putin", "critical")
ARTICLES = (
    (
        "Xi dan Putin bertemu di Beijing, pipa gas belum disepakati",
        "…Presiden Rusia Vladimir Putin mengatakan pembicaraan tentang pipa gas masih berlanjut…",
        ("Xi", "Putin", "pipa"),
        ("id", "ANTARA", "https://news.example/id/2026/xi-putin-beijing"),
        HIGH,
    ),
    (
        "习近平会见普京，双方未签供气合同",
        "…习近平周二上午在北京欢迎来访的普京。会谈进行了近三个小时…",
        ("习近平", "普京"),
        ("zh", "望海时报", "https://wanghai.example/2026/11/22/1"),
        Rule("xi-putin"),
    ),
    (
        "بوتين يلتقي شي في بكين ولا اتفاق على خط الأنابيب",
        "…قال بوتين إن المحادثات مع شي بشأن خط الأنابيب (Power of Siberia 2) مستمرة…",
        ("بوتين", "شي"),
        ("ar", "وكالة المرفأ", "https://marfa.example/ar/7"),
        CRITICAL,
    ),
)


def hits() -> tuple[Hit, ...]:
    return tuple(_hit(number, *article) for number, article in enumerate(ARTICLES))


def _hit(
    number: int,
    title: str,
    text: str,
    terms: tuple[str, ...],
    place: tuple[str, str, str],
    rule: Rule,
) -> Hit:
    lang, source, url = place
    excerpt = Excerpt("content", text, tuple(_spans("content", text, terms)))
    item = Item(title, url, "feed", source, "", AT, AT, lang, "")
    return Hit(
        id=f"0199f2c4-6b1e-7a20-9c3{number}-5e8f7a6b4c21",
        rule=rule,
        item=item,
        match=Match(terms, tuple(_spans("title", title, terms)), (excerpt,)),
        story=Story(f"story-{number}", 3, (source, "Kompas", "Tempo"))
        if not number
        else Story("s"),
    )


def _spans(field: str, text: str, terms: tuple[str, ...]) -> Iterator[Span]:
    for term in terms:
        for found in re.finditer(re.escape(term), text):
            yield Span(field, found.start(), found.end(), term)


def messages() -> list[Message]:
    digest = Digest(Rule("xi-putin"), 39, hits()[:2], 37, "quiet from 22:00 to 07:00")
    bodies = (*hits(), digest)
    return [message_of(Alert(f"0199-{n}", AT, body)) for n, body in enumerate(bodies)]


# Slack


def as_slack(message: Message) -> str:
    return _bubble("w", "".join(map(_slack_block, slack(message)["blocks"])))


def _slack_block(block: dict[str, Any]) -> str:
    match block["type"]:
        case "header":
            return f"<p class=head>{block['text']['text']}</p>"
        case "context":
            parts = "".join(f"<span>{_mrkdwn(part)}</span>" for part in block["elements"])
            return f"<p class=small>{parts}</p>"
        case "rich_text":
            return "".join(map(_slack_rich, block["elements"]))
    raise ValueError(block["type"])


def _slack_rich(part: dict[str, Any]) -> str:
    match part["type"]:
        case "rich_text_list":
            return f"<ul>{''.join(f'<li>{_slack_line(one)}</li>' for one in part['elements'])}</ul>"
        case "rich_text_quote":
            return f"<blockquote dir=auto>{_slack_line(part)}</blockquote>"
        case "rich_text_section":
            return f"<p dir=auto>{_slack_line(part)}</p>"
    raise ValueError(part["type"])


def _slack_line(part: dict[str, Any]) -> str:
    return "".join(map(_slack_element, part["elements"]))


def _slack_element(element: dict[str, Any]) -> str:
    if element["type"] == "emoji":
        return {"large_orange_circle": "🟠", "red_circle": "🔴"}[element["name"]]
    text = f"<b>{element['text']}</b>" if "style" in element else element["text"]
    return f"<a href=#>{text}</a>" if element["type"] == "link" else str(text)


def _mrkdwn(part: dict[str, Any]) -> str:
    if part["type"] == "plain_text":
        return str(part["text"])
    text = re.sub(r"<!date\^\d+\^[^|]*\|([^>]*)>", r"\1", part["text"])
    return re.sub(r"<([^|>]*)\|([^>]*)>", r"<a href=#>\2</a>", text)


# Discord


def as_discord(message: Message) -> str:
    (embed,) = discord(message)["embeds"]
    title = _markdown(embed["title"])
    title = f"<a href=#>{title}</a>" if embed.get("url") else title
    author = f"<p class=author>{escape(embed['author']['name'])}</p>" if "author" in embed else ""
    lines = "".join(map(_discord_line, embed["description"].split("\n")))
    foot = f"{escape(embed['footer']['text'])} • 22/11/2026 19:40"
    colour = f"border-color:#{embed['color']:06x}"
    inner = f"{author}<p class=head dir=auto>{title}</p>{lines}<p class=small dir=auto>{foot}</p>"
    return _bubble("w", f"<div class=embed style='{colour}'>{inner}</div>")


def _discord_line(line: str) -> str:
    if line.startswith("> "):
        return f"<blockquote dir=auto>{_markdown(line[2:])}</blockquote>"
    if line.startswith("- "):
        return f"<p class=item dir=auto>{_markdown(line[2:])}</p>"
    return f"<p dir=auto>{_markdown(line)}</p>"


def _markdown(text: str) -> str:
    """Discord's: a sign behind a backslash is that sign."""
    kept = re.sub(r"\\(.)", lambda found: f"\ue000{ord(found[1])}\ue001", text)
    shown = escape(kept, quote=False)
    shown = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", shown)
    shown = re.sub(r"__(.+?)__", r"<u>\1</u>", shown)
    shown = re.sub(r"\[([^\]]*)\]\(&lt;[^)]*&gt;\)", r"<a href=#>\1</a>", shown)
    return re.sub("\ue000(\\d+)\ue001", lambda found: escape(chr(int(found[1]))), shown)


# Telegram


def as_telegram(message: Message) -> str:
    text = telegram(message)["text"]
    lines = re.sub(r"\n?(<blockquote>)", r"\1", text).replace("</blockquote>\n", "</blockquote>")
    text = "".join(
        part if part.startswith("<blockquote>") else f"<p dir=auto>{part}</p>"
        for line in lines.split("\n")
        for part in re.split(r"(<blockquote>.*?</blockquote>)", line)
        if part
    )
    return f"<div class=bubble>{text.replace('<blockquote>', '<blockquote dir=auto>')}</div>"


# Teams


def as_teams(message: Message) -> str:
    card = teams(message)["attachments"][0]["content"]
    blocks = "".join(map(_teams_block, card["body"]))
    buttons = "".join(
        f"<span class=button>{escape(a['title'])}</span>" for a in card.get("actions", ())
    )
    return f"<div class=card>{blocks}{buttons}</div>"


def _teams_block(block: dict[str, Any]) -> str:
    if block["type"] == "Container":
        return f"<blockquote>{''.join(map(_teams_block, block['items']))}</blockquote>"
    if block["type"] != "RichTextBlock":
        raise ValueError(block["type"])
    return f"<p dir=auto>{''.join(map(_teams_run, block['inlines']))}</p>"


def _teams_run(run: dict[str, Any]) -> str:
    names = [run.get("size", ""), run.get("weight", ""), run.get("color", "")]
    names += ["subtle" * bool(run.get("isSubtle")), "mark" * bool(run.get("highlight"))]
    text = f"<span class='{' '.join(filter(None, names))}'>{escape(run['text'])}</span>"
    return f"<a href=#>{text}</a>" if "selectAction" in run else text


def _bubble(mark: str, inner: str) -> str:
    who = "<p class=who><b>wirewatch</b> <span class=app>APP</span> 19:40</p>"
    return f"<div class=row><div class=face>{mark}</div><div class=said>{who}{inner}</div></div>"


_BASE = """
* { box-sizing: border-box } p { margin: 0 } ul { margin: .3em 0; padding-inline-start: 1.3em }
body { margin: 0; padding: 14px 16px; font: 15px/1.45 "Noto Sans", "Noto Sans CJK SC",
  "Noto Sans Arabic", "Noto Color Emoji", sans-serif }
a { text-decoration: none } blockquote { margin: .35em 0 }
.row { display: flex; gap: 10px; margin-bottom: 16px } .said { min-width: 0; flex: 1 }
.face { width: 36px; height: 36px; border-radius: 8px; background: #205c8a; color: #fff;
  font-weight: 700; text-align: center; line-height: 34px; flex: none }
.app { font-size: 10px; padding: 0 3px; border-radius: 3px }
"""
_STYLES = {
    "slack": """body { background: #fff; color: #1d1c1d } a { color: #1264a3 }
blockquote { border-inline-start: 4px solid #ddd; padding-inline-start: 10px }
.small { font-size: 12px; color: #616061 } .small span { margin-inline-end: 8px }
.head { font-size: 18px; font-weight: 800 } .app { background: #e8e8e8 }
.who { font-size: 13px }""",
    "discord": """body { background: #313338; color: #dbdee1 } a { color: #00a8fc }
.embed { background: #2b2d31; border-left: 4px solid; border-radius: 4px; padding: 9px 14px;
  margin-top: 3px } .author { font-size: 13px; font-weight: 600 } .head { font-weight: 700 }
blockquote { border-inline-start: 4px solid #4e5058; padding-inline-start: 9px }
.small { font-size: 12px; color: #b5bac1; margin-top: .5em } .item { margin-inline-start: 12px }
.face { border-radius: 50% } .app { background: #5865f2; color: #fff } .who { font-size: 13px }""",
    "telegram": """body { background: #d5e2d0 } a { color: #168acd }
.bubble { background: #fff; border-radius: 12px; padding: 8px 12px; max-width: 540px;
  margin-bottom: 10px; box-shadow: 0 1px 1px #0002 }
blockquote { border-inline-start: 3px solid #168acd; background: #168acd18; border-radius: 4px;
  padding: 3px 9px } p { white-space: pre-wrap }""",
    "teams": """body { background: #f5f5f5; color: #242424 } a { color: inherit }
.card { background: #fff; border: 1px solid #e0e0e0; border-radius: 6px; padding: 11px 14px;
  margin-bottom: 12px } .large { font-size: 18px } .bolder { font-weight: 700 }
.mark { background: #fff2ab } .warning { color: #a33b00 } .attention { color: #c4314b }
.subtle { color: #616161 } .small { font-size: 12px }
blockquote { background: #f0f0f0; padding: 6px 9px; border-radius: 4px }
.button { display: inline-block; border: 1px solid #c7c7c7; border-radius: 4px; padding: 3px 12px;
  margin-top: 8px; font-weight: 600; font-size: 13px }""",
}
_CHATS: dict[str, Callable[[Message], str]] = {
    "slack": as_slack,
    "discord": as_discord,
    "telegram": as_telegram,
    "teams": as_teams,
}


def pages() -> Iterator[tuple[str, str, bool]]:
    """Each picture's name, its page, and whether it is seen in the dark."""
    for name, show in _CHATS.items():
        inner = "".join(map(show, messages()))
        style = f"<style>{_BASE}{_STYLES[name]}</style>"
        yield name, f"<!doctype html><meta charset=utf-8>{style}{inner}", False
    first, _, arabic, digest = map(mail, messages())
    yield "mail", first, False
    yield "mail-dark", digest, True
    yield "mail-arabic", arabic, True


def browse(page: str, *options: str, dark: bool = False) -> str:
    """What the browser prints when it opens a page."""
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "page.html")
        file.write_text(page, encoding="utf-8")
        flags = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", scheme)
        data = f"--user-data-dir={folder}/profile"
        done = subprocess.run(
            ["chromium", *flags, data, *options, file.as_uri()],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    return done.stdout


_MEASURE = (
    "<script>onload = () => { document.title = document.documentElement.scrollHeight }</script>"
)


def take(name: str, page: str, folder: Path, *, dark: bool) -> int:
    """Take the picture; how many bytes it has."""
    width = f"--window-size={WIDTH},100"
    title = re.search(r"<title>(\d+)</title>", browse(page + _MEASURE, width, "--dump-dom"))
    height = int(unescape(title[1])) if title else 1_000
    target = folder / f"{name}.png"
    browse(page, f"--window-size={WIDTH},{height}", f"--screenshot={target}", dark=dark)
    subprocess.run(["pngquant", "--force", "--output", target, "64", target], check=True)
    return target.stat().st_size


def main() -> None:
    if missing := [name for name in ("chromium", "pngquant") if shutil.which(name) is None]:
        sys.exit(
            f"pictures need {' and '.join(missing)}; Debian: apt install chromium pngquant "
            "fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji"
        )
    folder = Path(__file__).parent
    sizes = {name: take(name, page, folder, dark=dark) for name, page, dark in pages()}
    for name, size in sizes.items():
        print(f"{name}.png: {size:,} bytes")
    if max(sizes.values()) > LARGEST:
        sys.exit(f"a picture has more than {LARGEST:,} bytes")


if __name__ == "__main__":
    main()
