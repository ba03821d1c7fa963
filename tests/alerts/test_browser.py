"""The HTML of a mail in a real browser: what feeds write is text there, and nothing runs."""

from __future__ import annotations

import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest
from rigs.made_alerts import HOSTILE, a_hit, an_alert

from alerts import Excerpt
from alerts.mail_message import html
from alerts.message import message_of

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
RUNS = "<script>document.title = 'ran'</script><img src=x onerror=\"document.title = 'ran'\">"
LEAVES = "</title></style></h1><svg onload=\"document.title = 'ran'\"><base href=//evil.example>"
PROBE = """<script>onload = () => { document.body.dataset.found = [
  document.scripts.length, document.images.length, document.querySelectorAll("svg, base").length,
  [...document.querySelectorAll("*")].filter(e => [...e.attributes].some(a => /^on/.test(a.name)))
    .length, document.title].join(" ") }</script>"""


def browsed(page: str, folder: Path) -> str:
    """The document as the browser has it after a page has loaded."""
    assert BROWSER is not None
    file = folder / "page.html"
    file.write_text(page, encoding="utf-8")
    flags = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile")
    command = [BROWSER, *flags, "--virtual-time-budget=2000", "--dump-dom", file.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.mark.browser
@pytest.mark.skipif(BROWSER is None, reason="no chromium here")
def test_hostile_titles_are_text_in_a_browser_and_no_script_runs(tmp_path: Path) -> None:  # E11
    titles = [RUNS, LEAVES, *(title[:2_000] for title in HOSTILE.values())]
    pages = [
        html(message_of(an_alert(a_hit(t, source=t, author=t, excerpts=(Excerpt("content", t),)))))
        for t in titles
    ]
    shown = browsed("".join(pages) + PROBE, tmp_path)
    found = re.search(r'data-found="([^"]*)"', shown)
    assert found, "the browser runs no scripts at all, so this would show nothing"
    assert unescape(found[1]) == f"1 0 0 0 {RUNS}"  # the probe, the first mail's title, no more
    text = unescape(re.sub(r"<[^>]*>", "", shown))
    assert text.count(RUNS) >= 4
    assert text.count(LEAVES) >= 4
    links = set(re.findall(r'<a\b[^>]*?href="([^"]*)"', shown))
    assert links == {"https://www.antaranews.com/berita/1/xi-putin?a=1&amp;b=2"}
