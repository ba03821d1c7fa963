"""Excerpts show why a text matched, in every script."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import Span
from alerts.excerpts import excerpts_of
from alerts.text import may_cut

LOREM = "satu dua tiga empat lima enam tujuh delapan sembilan sepuluh " * 20


def places(field: str, text: str, *words: str) -> list[Span]:
    return [Span(field, m.start(), m.end(), w) for w in words for m in re.finditer(w, text)]


def told(text: str, *words: str, most: int = 3) -> list[str]:
    """The excerpts of one content, matched words between brackets."""
    made = excerpts_of({"content": text}, places("content", text, *words), most=most)
    out = []
    for excerpt in made:
        shown, done = "", 0
        for span in excerpt.spans:
            shown += excerpt.text[done : span.start] + f"[{excerpt.text[span.start : span.end]}]"
            done = span.end
        out.append(shown + excerpt.text[done:])
    return out


def test_a_short_text_is_shown_whole() -> None:
    assert told("Presiden Putin tiba.", "Putin") == ["Presiden [Putin] tiba."]


def test_a_long_text_is_cut_between_words_with_ellipses() -> None:
    (shown,) = told(f"{LOREM}Putin {LOREM}", "Putin")
    assert re.fullmatch(r"…(\w+ )+\[Putin\]( \w+)+…", shown)
    assert all(word in LOREM for word in re.findall(r"\w+", shown.replace("[Putin]", "")))
    assert 150 <= len(shown) <= 206


@pytest.mark.parametrize(
    ("before", "word", "after"),
    [
        ("两国领导人讨论了天然气管道" * 30, "普京", "在北京会见了代表团并发表讲话" * 30),
        ("ผู้นำทั้งสองหารือเรื่องท่อส่งก๊าซ" * 20, "ปูติน", "ที่กรุงปักกิ่ง" * 40),
        ("首脳は会談でガスパイプラインを" * 20, "プーチン", "大統領と話し合った" * 40),
        ("ناقش الزعيمان خط أنابيب الغاز " * 20, "بوتين", " في بكين مع الوفد" * 40),
        ("दोनों नेताओं ने गैस पाइपलाइन पर " * 20, "पुतिन", " से बीजिंग में चर्चा की" * 40),
    ],
    ids=["zh", "th", "ja", "ar", "hi"],
)
def test_windows_work_in_scripts_without_spaces_and_from_right_to_left(
    before: str, word: str, after: str
) -> None:
    text = before + word + after
    (shown,) = told(text, word)
    plain = shown.replace("[", "").replace("]", "").strip("…")
    assert f"[{word}]" in shown
    assert shown[0] == shown[-1] == "…"
    assert 100 <= len(plain) <= 200
    start = text.index(plain)
    assert may_cut(text, start)
    assert may_cut(text, start + len(plain))


def test_near_words_share_a_window_and_far_ones_have_their_own() -> None:
    assert len(told(f"{LOREM}Xi dan Putin {LOREM}", "Xi", "Putin")) == 1
    first, second = told(f"{LOREM}Xi {LOREM} Putin {LOREM}", "Xi", "Putin")
    assert "[Xi]" in first
    assert "[Putin]" in second


def test_a_window_that_shows_no_new_word_is_left_out() -> None:
    assert len(told(f"{LOREM}Putin {LOREM} Putin {LOREM}", "Putin")) == 1


def test_the_windows_with_the_most_words_are_chosen_and_told_in_reading_order() -> None:
    text = f"a1 {LOREM} b2 {LOREM} c3 {LOREM} d4 e5 {LOREM}"
    shown = told(text, "a1", "b2", "c3", "d4", "e5")
    assert [re.findall(r"\[(\w+)\]", s) for s in shown] == [["a1"], ["b2"], ["d4", "e5"]]
    assert len(told(text, "a1", "b2", "c3", "d4", "e5", most=1)) == 1


def test_the_title_is_not_repeated() -> None:
    title, summary = "Xi dan Putin", "Xi tiba"
    spans = [*places("title", title, "Xi", "Putin"), *places("summary", summary, "Xi")]
    (excerpt,) = excerpts_of({"title": title, "summary": summary}, spans)
    assert (excerpt.field, excerpt.text) == ("summary", "Xi tiba")
    whole = excerpts_of({"title": title, "summary": summary}, spans, skip=())
    assert [excerpt.field for excerpt in whole] == ["title"]  # which shows every word already


def test_line_ends_and_bidi_controls_go_and_spans_stay_on_their_words() -> None:
    assert told("satu\r\n\r\n  \u202edua\u200b Putin\x00 tiga", "Putin") == [
        "satu dua [Putin] tiga"
    ]


def test_a_phrase_longer_than_a_window_is_cut_rather_than_shown_whole() -> None:
    text = "begin " + "x " * 5_000 + "end"
    (excerpt,) = excerpts_of({"content": text}, [Span("content", 0, len(text), "begin end")])
    assert len(excerpt.text) <= 2 * 200 + 100
    assert excerpt.spans == ()


def test_spans_outside_the_text_and_of_unknown_fields_are_ignored() -> None:
    spans = [Span("content", 5, 99, "x"), Span("other", 0, 1, "y"), Span("content", 3, 3, "z")]
    assert excerpts_of({"content": "short"}, spans) == ()


ALPHABET = "ab \n.Ж普\u0301\u200d\U0001f468\U0001f1e6\u0e49กक्ष\r가\u1100\u1161"


@given(
    text=st.text(alphabet=ALPHABET, max_size=1_500),
    cuts=st.lists(st.tuples(st.integers(0, 1_500), st.integers(1, 40), st.sampled_from("xyz"))),
)
def test_every_excerpt_is_short_and_its_spans_lie_inside(
    text: str, cuts: list[tuple[int, int, str]]
) -> None:
    spans = [Span("content", start, start + size, term) for start, size, term in cuts]
    made = excerpts_of({"content": text}, spans)
    assert len(made) <= 3
    for excerpt in made:
        assert len(excerpt.text) <= 262
        assert all(0 <= s.start < s.end <= len(excerpt.text) for s in excerpt.spans)
        assert excerpt.text == " ".join(excerpt.text.split())
