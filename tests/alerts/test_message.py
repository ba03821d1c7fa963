"""The message tree: the same words for every channel, cut where markup does not break."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rigs.made_alerts import AT, HOSTILE, a_digest, a_hit, an_alert, an_event

from alerts import Digest, Excerpt, Rule, Span, Story
from alerts.message import (
    Entry,
    Message,
    Run,
    cut_text,
    marked,
    message_of,
    names_other_place,
    safe_link,
    small_print,
    text_of,
)
from alerts.slack import escape
from alerts.text import ELLIPSIS, may_cut


def test_a_hit_says_what_where_when_and_why() -> None:
    excerpt = Excerpt("content", "kata Putin", (Span("content", 5, 10, "Putin"),))
    hit = a_hit("Xi tiba", excerpts=(excerpt,), story=Story("s", 2), rule=Rule("xi", "high"))
    assert message_of(an_alert(hit)) == Message(
        heading="Xi tiba",
        rule="xi",
        severity="high",
        at=AT,
        entries=(
            Entry(
                title=(Run("Xi", marked=True), Run(" tiba")),
                link="https://www.antaranews.com/berita/1/xi-putin?a=1&b=2",
                host="www.antaranews.com",
                source="ANTARA",
                at=AT,
                lang="id",
                excerpts=((Run("kata "), Run("Putin", marked=True)),),
            ),
        ),
        facts=(("matched", "Xi"), ("story", "1 more article"), ("author", "A. Wartawan")),
        ask="why: wirewatch why hit-1",
    )


def test_a_match_in_the_title_alone_shows_how_the_text_begins() -> None:
    (entry,) = message_of(an_alert(a_hit("Xi", summary="Begin " + "x" * 900))).entries
    ((opening,),) = entry.excerpts
    assert opening.text.startswith("Begin xx")
    assert len(opening.text) == 240
    (entry,) = message_of(an_alert(a_hit("Xi", summary="Xi"))).entries
    assert entry.excerpts == ()


def test_an_item_without_title_or_link_is_still_told() -> None:
    (entry,) = message_of(an_alert(a_hit("\x00", url="javascript:alert(1)"))).entries
    assert text_of(entry.title) == "(no title)"
    assert (entry.link, entry.host) == ("", "")


def test_many_terms_are_counted_rather_than_listed() -> None:
    hit = a_hit("abcdefghijkl", spans=tuple((n, n + 1, f"t{n}") for n in range(12)))
    assert message_of(an_alert(hit)).facts[0] == (
        "matched",
        "t0, t1, t2, t3, t4, t5, t6, t7 and 4 more",
    )


def test_a_digest_counts_what_it_does_not_list() -> None:
    message = message_of(an_alert(a_digest(count=30, more=7)))
    assert message.heading == "37 hits of xi-putin"
    assert len(message.entries) == 10
    assert message.more == 27


def test_an_event_is_a_sentence() -> None:
    message = message_of(an_alert(an_event()))
    assert message.heading == "Feed broken: bbc-world"
    assert message.entries == ()
    assert message.text.startswith("feeds.bbci.co.uk has answered 503")


@pytest.mark.parametrize(
    ("text", "spans", "runs"),
    [
        ("Xi dan Putin", [(0, 2), (7, 12)], ["[Xi]", " dan ", "[Putin]"]),
        ("  Xi\r\ntiba ", [(2, 4)], ["[Xi]", " tiba"]),
        ("a Putin's", [(2, 7), (2, 9)], ["a ", "[Putin]", "['s]"]),
        ("overlap", [(0, 4), (2, 6)], ["[over]", "[la]", "p"]),
        ("cafe\u0301", [(0, 4)], ["[cafe\u0301]"]),
        ("x\u200bPu\u202etin", [(2, 8)], ["x", "[Putin]"]),
        ("short", [(3, 99), (-1, 2), (2, 2)], ["short"]),
        ("\u200b", [(0, 1)], []),
        ("普京访华", [(0, 2)], ["[普京]", "访华"]),
    ],
)
def test_spans_stay_on_their_words_when_the_text_is_cleaned(
    text: str, spans: list[tuple[int, int]], runs: list[str]
) -> None:
    made = marked(text, [Span("title", start, end, "x") for start, end in spans])
    assert [f"[{run.text}]" if run.marked else run.text for run in made] == runs


RUNS = st.lists(
    st.builds(Run, st.text(alphabet="ab &<>é👨\u200d👩\u0301🇮🇩普", min_size=1), st.booleans()),
    max_size=6,
).map(tuple)


def rendered(run: Run) -> str:
    """A markup with escapes, as most services have."""
    return f"*{escape(run.text)}*" if run.marked else escape(run.text)


@given(RUNS, st.integers(1, 120))
def test_a_cut_never_splits_markup_an_escape_or_a_grapheme(
    text: tuple[Run, ...], limit: int
) -> None:
    made = cut_text(text, limit, lambda run: len(rendered(run)))
    assert len("".join(map(rendered, made))) <= limit
    if made != text:
        kept = made[:-1]
        assert made[-1] == Run(ELLIPSIS)
        assert all(run.text for run in kept)
        whole, start = text_of(text), text_of(kept)
        assert whole.startswith(start)
        for before, after in zip(kept, text, strict=False):
            assert before.marked == after.marked
            assert after.text.startswith(before.text)
        if kept and kept[-1] != text[len(kept) - 1]:
            last = text[len(kept) - 1].text
            at = len(kept[-1].text)
            assert may_cut(last, at) or last[at:].isspace() or last[at] == " "


@pytest.mark.parametrize(
    ("url", "link", "host"),
    [
        ("https://news.example/a?b=1&c=2#d", "https://news.example/a?b=1&c=2#d", "news.example"),
        ("http://news.example:8080/", "http://news.example:8080/", "news.example:8080"),
        ("HTTPS://News.Example/A", "https://news.example/A", "news.example"),
        ("https://bank.example@evil.example/", "https://evil.example/", "evil.example"),
        ("https://аррӏе.example/x", "https://xn--80ak6aa92e.example/x", "xn--80ak6aa92e.example"),
        (
            "https://news.example/привет",
            "https://news.example/%D0%BF%D1%80%D0%B8%D0%B2%D0%B5%D1%82",
            "news.example",
        ),
        ("https://news.example/%D0%BF", "https://news.example/%D0%BF", "news.example"),
        (
            "https://news.example/a|b>c<d\"e'f`g",
            "https://news.example/a%7Cb%3Ec%3Cd%22e%27f%60g",
            "news.example",
        ),
        (
            "https://news.example/a(b)[c] d",
            "https://news.example/a%28b%29%5Bc%5D%20d",
            "news.example",
        ),
        ("https://[2001:db8::1]/x", "https://[2001:db8::1]/x", "[2001:db8::1]"),
        ("javascript:alert(1)", "", ""),
        ("data:text/html,x", "", ""),
        ("//news.example/x", "", ""),
        ("https:///x", "", ""),
        ("https://bank.example\\@evil.example/", "", ""),
        ("https://a b.example/", "", ""),
        ("https://host:99999/", "", ""),
        ("https://[::1/", "", ""),
        ("https://xn--/", "https://xn--/", "xn--"),
        ("https://news.example/" + "x" * 2_000, "", ""),
        ("", "", ""),
    ],
)
def test_a_link_is_plain_and_says_where_it_leads(url: str, link: str, host: str) -> None:
    assert safe_link(url) == (link, host)


@given(st.text(max_size=60))
def test_no_address_breaks_out_of_a_link(path: str) -> None:
    link, host = safe_link(f"https://news.example/{path}")
    assert link.isascii()
    assert not set(link) & set("<>|\"'`()[]{}\\ \r\n\t")
    assert host in {"news.example", ""}


@pytest.mark.parametrize(
    ("text", "host", "answer"),
    [
        ("Pertemuan Xi dan Putin", "antaranews.com", False),
        ("https://bank.example is down", "evil.example", True),
        ("[https://bank.example](https://evil.example)", "evil.example", True),
        ("bank.example hacked", "evil.example", True),
        ("www.bank.example", "evil.example", True),
        ("банк.рф взломан", "evil.example", True),
        ("News.Example reports", "www.news.example", False),
        ("U.S. and Rp1.5 triliun, 3.14", "news.example", False),
        ("普京访华。习近平会见", "news.example", False),
    ],
)
def test_a_title_that_names_another_place_is_noticed(text: str, host: str, answer: bool) -> None:
    assert names_other_place(text, host) is answer


@pytest.mark.parametrize("title", HOSTILE.values(), ids=HOSTILE)
def test_whatever_the_feed_says_every_message_is_clean_short_and_keeps_its_link(
    title: str,
) -> None:
    hit = a_hit(title, spans=((0, 5, title),), summary=title, source=title, author=title)
    message = message_of(an_alert(hit))
    (entry,) = message.entries
    texts = [message.heading, entry.source, *(value for _, value in message.facts)]
    texts += [text_of(text) for text in (entry.title, *entry.excerpts)]
    assert all(len(text) <= 1_000 for text in texts)
    assert all(text == " ".join(text.split()) for text in texts)
    assert entry.link


def test_how_to_ask_for_more_is_short_and_can_be_pasted() -> None:
    hit = a_hit(id="0199f2c4-6b1e-7a20-9c3d-5e8f7a6b4c21", rule=Rule("Xi & Putin's"))
    assert message_of(an_alert(hit)).ask == "why: wirewatch why 0199f2c4-6b1e-7a20-9c3d"
    digest = Digest(hit.rule, 1, (hit,), 0)
    assert message_of(an_alert(digest)).ask == ("""all: wirewatch hits --rule 'Xi & Putin'"'"'s'""")


def test_the_small_print_says_why_it_came_and_then_how_to_ask() -> None:
    message = message_of(an_alert(a_hit(author="")))
    assert small_print(message) == ("rule xi-putin · matched Xi, Putin · why: wirewatch why hit-1")
    assert small_print(message_of(an_alert(an_event()))) == ""
