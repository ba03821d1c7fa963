"""An item keeps its key from poll to poll, and no two items share one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rigs.archive import NOW, Archive

from monitor import identity, record
from monitor.entries import Entry, keyed
from monitor.identity import Identifiers, body_hash, item_keys, text_hash
from monitor.item import Item


def entry(guid: str = "", link: str = "", title: str = "", summary: str = "") -> Identifiers:
    return Identifiers(guid, link, title, summary)


def test_an_item_is_known_by_guid_else_link_else_words() -> None:
    keys = item_keys(
        [
            entry("tag:1", "http://a.example/1", "One"),
            entry("", "http://a.example/2", "Two"),
            entry("", "", "Three", "words"),
        ]
    )

    assert keys == [
        "g:tag:1",
        "l:http://a.example/2",
        "h:" + sha256(b"Three\x1fwords").hexdigest(),
    ]


def test_guids_are_compared_character_by_character() -> None:
    guids = [
        "http://a.example/1",
        "https://a.example/1",
        "http://A.example/1",
        "http://a.example/1/",
    ]

    assert len(set(item_keys([entry(guid, title="t") for guid in guids]))) == 4


def test_the_title_and_summary_of_an_item_with_a_guid_may_change() -> None:
    before = item_keys([entry("1", "http://a.example/x", "Title", "Summary")])

    assert item_keys([entry("1", "http://a.example/y", "Other", "Edited")]) == before


def test_white_space_does_not_make_new_words() -> None:
    assert item_keys([entry(title="One two")]) == item_keys([entry(title="One\n two ")])
    assert item_keys([entry(title="a", summary="bc")]) != item_keys(
        [entry(title="ab", summary="c")]
    )


def test_a_long_guid_becomes_a_key_of_bounded_length() -> None:
    long, longer = "x" * 5_000, "x" * 5_001
    keys = item_keys([entry(long, title="a"), entry(longer, title="b")])

    assert len(set(keys)) == 2
    assert all(key and key.startswith("g:#") and len(key) < 70 for key in keys)


def test_a_guid_cannot_pass_for_the_hash_of_another() -> None:
    (hashed,) = item_keys([entry("x" * 5_000)])
    assert hashed

    assert item_keys([entry(hashed.removeprefix("g:"))]) != [hashed]


def test_an_item_told_twice_counts_once() -> None:
    assert item_keys([entry("1", "a", "Same"), entry("1", "b", "Same ")]) == ["g:1", None]


def test_items_that_share_a_guid_are_told_apart_by_their_links() -> None:
    keys = item_keys(
        [entry("0", "http://a.example/2", "New"), entry("0", "http://a.example/1", "Old")]
    )

    assert keys == ["g:0 l:http://a.example/2", "g:0 l:http://a.example/1"]


def test_the_newest_of_items_that_share_a_guid_does_not_pass_for_a_known_one() -> None:
    items = [entry("0", f"http://a.example/{number}", f"Title {number}") for number in range(5)]
    yesterday, today = item_keys(items[1:4]), item_keys(items[:3])

    assert today[1:] == yesterday[:2]
    assert today[0] not in yesterday


def test_items_that_share_guid_and_link_are_told_apart_by_their_titles() -> None:
    home = "http://a.example/"
    keys = item_keys([entry(home, home, "One"), entry(home, home, "Two"), entry(home, home, "One")])

    assert keys[0] != keys[1]
    assert keys[2] is None


def test_items_without_titles_are_told_apart_by_what_they_say() -> None:
    keys = item_keys([entry("0", "", "", "First note"), entry("0", "", "", "Second note")])

    assert len({key for key in keys if key}) == 2


texts = st.text(max_size=12) | st.sampled_from(["", "0", "a", "http://a.example/"])


@given(st.lists(st.builds(entry, texts, texts, texts, texts), max_size=8))
def test_no_key_comes_twice_and_no_title_is_lost(entries: list[Identifiers]) -> None:
    keys = item_keys(entries)
    present = [key for key in keys if key is not None]

    assert len(set(present)) == len(present)
    titles = {"".join(e.title.split()) for e in entries}
    kept = {"".join(e.title.split()) for e, key in zip(entries, keys, strict=True) if key}
    assert kept == titles


def test_keys_do_not_depend_on_the_process() -> None:
    """B22: another seed of Python's own hashing gives the same keys."""
    program = (
        "from monitor.identity import *; from monitor.item import Item;"
        "print(item_keys([Identifiers('x'*999,'','a',''), Identifiers('','','b','c'),"
        "Identifiers('0','l','d',''), Identifiers('0','m','e','')]),"
        "text_hash(Item('k',1,'g','t','u',tags=('b','a'))), body_hash(b'<rss><item>x'))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2", "random")
    }

    assert len(told) == 1


def upper(entries: Sequence[Identifiers]) -> list[str | None]:
    """Keys of a version that is still to come."""
    return [key and f"2:{key.upper()}" for key in identity.KEY_MAKERS[0](entries)]


def parsed(*titles: str) -> tuple[Item, ...]:
    """What a reader makes of a document with these entries."""
    return keyed(
        [Entry(entry(t, title=t), Item("", identity.KEY_VERSION, t, t, "")) for t in titles]
    )


def test_b24_keys_do_not_change_with_the_version_of_the_program() -> None:
    """What was stored by the first version is found for ever: these are its keys."""
    assert identity.KEY_MAKERS[0](
        [entry("g", "l", "t"), entry("", "l", "t"), entry("", "", "t", "s"), entry("x" * 201)]
    ) == [
        "g:g",
        "l:l",
        "h:3526b7c43442a059d0e5cae2d27d7108eab03861f8c155cab8a66417b9e9fe43",
        "g:#" + sha256(b"x" * 201).hexdigest(),
    ]


def test_b24_items_are_found_by_the_keys_of_an_older_version_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive(tmp_path)
    archive.poll("antara", *parsed("gas one", "gas two"), now=NOW)
    monkeypatch.setattr(identity, "KEY_MAKERS", (*identity.KEY_MAKERS, upper))
    monkeypatch.setattr(identity, "KEY_VERSION", 2)
    monkeypatch.setattr(record, "KEY_VERSION", 2)
    newer = parsed("gas one", "gas two")
    assert [(item.key, item.former_keys) for item in newer] == [
        ("2:G:GAS ONE", ("g:gas one",)),
        ("2:G:GAS TWO", ("g:gas two",)),
    ]
    edited = replace(newer[1], summary="now with a pipeline")
    done = archive.poll("antara", newer[0], edited, now=NOW + timedelta(hours=1))
    assert (done.new, done.again, done.edited) == (0, 0, 1)
    with archive.store() as store:
        (row,) = (row for row in store.feeds() if row.name == "antara")
        known = store.known_items(row.id, ["g:gas one", "2:G:GAS ONE", "2:G:GAS TWO"])
    assert sorted(known) == ["2:G:GAS ONE", "2:G:GAS TWO"]
    without = [replace(item, former_keys=()) for item in (newer[0], edited)]
    done = archive.poll("antara", *without, now=NOW + timedelta(hours=2))
    assert (done.new, done.edited) == (0, 0)


ITEM = Item(
    key="g:1", key_version=1, guid="1", title="Title", url="http://a.example/", tags=("a", "b")
)


def test_an_edit_of_any_text_that_rules_see_is_noticed() -> None:
    edited = [
        replace(ITEM, title="Title!"),
        replace(ITEM, summary="Title"),
        replace(ITEM, content="Title"),
        replace(ITEM, author="Title"),
        replace(ITEM, tags=("a", "c")),
    ]

    assert len({text_hash(item) for item in (ITEM, *edited)}) == 6


def test_what_rules_do_not_see_is_no_edit() -> None:
    assert text_hash(ITEM) == text_hash(replace(ITEM, key="g:2", tags=("b", "a"), guid="2"))


def feed(head: str = "", items: str = "<item><pubDate>x</pubDate></item>") -> bytes:
    return f"<rss><channel><title>t</title>{head}{items}</channel></rss>".encode()


def test_the_time_a_feed_was_built_does_not_change_its_body() -> None:
    bodies = [
        feed(f"<{name}>Sun, 22 Nov 2026 19:4{minute}:00 GMT</{name}>")
        for name in ("lastBuildDate", "pubDate", "dc:date", "updated")
        for minute in range(5)
    ]

    assert len({body_hash(body) for body in bodies}) == 1


def test_anything_else_changes_a_body() -> None:
    bodies = [
        feed(),
        feed("<ttl>5</ttl>"),
        feed(items="<item><pubDate>y</pubDate></item>"),
        feed(items="<item><pubDate>x</pubDate></item><!-- -->"),
        feed(items="<entry><updated>x</updated></entry>"),
        b"<lastBuildDate>1</lastBuildDate>",
        b"<lastBuildDate>2</lastBuildDate>",
        b"",
    ]

    assert len({body_hash(body) for body in bodies}) == len(bodies)
