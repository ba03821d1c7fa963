"""The console: an alert as a few lines of text."""

from __future__ import annotations

import pytest
from rigs.made_alerts import a_digest, a_hit, an_alert, an_event, send

from alerts import Alert, Excerpt, Rule, Span, Story, TemporaryFailure
from alerts.console import Settings


def written(alert: Alert) -> str:
    lines: list[str] = []
    assert send("console", Settings(), alert, write=lines.append).status == "written"
    (text,) = lines
    return text


def test_a_hit_reads_well() -> None:
    excerpt = Excerpt("content", "… pidato Putin di balai …", (Span("content", 9, 14, "Putin"),))
    hit = a_hit(excerpts=(excerpt,), rule=Rule("xi-putin", "high"), story=Story("story-1", 3))
    assert written(an_alert(hit)) == "\n".join(
        [
            "HIGH [xi-putin] Pertemuan *Xi* dan *Putin* di Beijing",
            "  ANTARA · 2026-11-22 19:40 UTC · id",
            "  … pidato *Putin* di balai …",
            "  https://www.antaranews.com/berita/1/xi-putin?a=1&b=2",
            "  matched: Xi, Putin",
            "  story: 2 more articles",
            "  author: A. Wartawan",
            "  why: wirewatch why hit-1",
        ]
    )


def test_a_digest_lists_its_hits_and_counts_the_others() -> None:
    assert written(an_alert(a_digest(count=2, more=37))) == "\n".join(
        [
            "39 hits of xi-putin",
            "  - *Xi* number 0",
            "  ANTARA · 2026-11-22 19:40 UTC · id",
            "  Kedua pemimpin membahas pipa gas.",
            "  https://news.example/0",
            "  - *Xi* number 1",
            "  ANTARA · 2026-11-22 19:40 UTC · id",
            "  Kedua pemimpin membahas pipa gas.",
            "  https://news.example/1",
            "  and 37 more",
            "  all: wirewatch hits --rule xi-putin",
        ]
    )


def test_an_event_says_what_to_do() -> None:
    assert written(an_alert(an_event())) == "\n".join(
        [
            "Feed broken: bbc-world",
            "  feeds.bbci.co.uk has answered 503 for 24 hours; see: wirewatch feeds bbc-world",
        ]
    )


def test_an_output_that_nobody_takes_is_tried_again() -> None:
    def closed(_: str) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(TemporaryFailure, match=r"^the output cannot be written: Broken pipe$"):
        send("console", Settings(), an_alert(a_hit()), write=closed)
