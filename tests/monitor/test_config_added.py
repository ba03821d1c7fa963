"""Feeds that commands write: the file keeps all else, and on any mistake it is as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config import load
from monitor.config_added import CannotAddError, NewFeed, add, as_yaml, place_for, with_feeds

ONE = NewFeed("one", "https://one.example/rss")
TWO = NewFeed("two", "https://two.example/rss?a=1&b=2", ("asia", "oil & gas"), (("every", "10m"),))


def put(text: str, *feeds: NewFeed) -> str | None:
    raw = with_feeds(text.encode(), feeds or (ONE,))
    return None if raw is None else raw.decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "feeds:\n  one: https://one.example/rss\n"),
        ("# mine\n", "# mine\nfeeds:\n  one: https://one.example/rss\n"),
        ("contact: a@b.org", "contact: a@b.org\nfeeds:\n  one: https://one.example/rss\n"),
        ("feeds:", "feeds:\n  one: https://one.example/rss\n"),
        (
            "feeds:  # none yet\n\nrules: {}\n",
            "feeds:  # none yet\n  one: https://one.example/rss\n\nrules: {}\n",
        ),
        (
            "feeds:\n    a: https://a.example/ # first\n    # b: gone\n\nrules:\n  r: x\n",
            (
                "feeds:\n    a: https://a.example/ # first\n    one: https://one.example/rss\n"
                "    # b: gone\n\nrules:\n  r: x\n"
            ),
        ),
        (
            "feeds:\n  a:\n    url: https://a.example/\n    tags: [x,\n      y\n    ]\nrules: {}\n",
            (
                "feeds:\n  a:\n    url: https://a.example/\n    tags: [x,\n      y\n    ]\n"
                "  one: https://one.example/rss\nrules: {}\n"
            ),
        ),
        ("feeds:\r\n  a: b\r\n", "feeds:\r\n  a: b\r\n  one: https://one.example/rss\r\n"),
        ("\ufefffeeds:\n  a: b", "\ufefffeeds:\n  a: b\n  one: https://one.example/rss\n"),
        ("feeds: {a: b}\n", 'feeds: {a: b, one: "https://one.example/rss"}\n'),
        ("feeds: {}\n", 'feeds: {one: "https://one.example/rss"}\n'),
        (
            "feeds: {a: {url: b,\n  tags: [c]}} # end }\n",
            'feeds: {a: {url: b,\n  tags: [c]}, one: "https://one.example/rss"} # end }\n',
        ),
    ],
)
def test_a_feed_is_put_at_the_end_of_its_section_and_nothing_else_is_touched(
    before: str, after: str
) -> None:
    assert put(before) == after


@pytest.mark.parametrize(
    "text", ["feeds: [a]\n", "feeds: word\n", "{contact: x}\n", "- a\n", "a: [\n"]
)
def test_a_file_that_cannot_take_feeds_is_left_alone(text: str) -> None:
    assert put(text) is None


def test_a_feed_with_more_than_a_url_is_written_with_all_of_it() -> None:
    assert as_yaml([TWO, NewFeed("no", "https://x.example/#a: b", ("on",))]) == (
        "feeds:\n"
        "  two:\n"
        "    url: https://two.example/rss?a=1&b=2\n"
        "    every: 10m\n"
        '    tags: [asia, "oil & gas"]\n'
        '  "no":\n'
        '    url: "https://x.example/#a: b"\n'
        '    tags: ["on"]\n'
    )


visible = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1)
names = st.lists(visible, min_size=1, max_size=3).map(" ".join)
entries = st.lists(
    st.builds(
        NewFeed,
        name=names,
        url=visible.map(lambda text: f"https://a.example/{text}"),
        tags=st.lists(names, max_size=3).map(tuple),
        settings=st.sampled_from([(), (("lang", "id"),)]),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda feed: feed.name,
)


@settings(max_examples=25)
@given(entries, entries)
def test_whatever_names_and_tags_are_they_are_read_as_they_were_meant(
    first: list[NewFeed], then: list[NewFeed]
) -> None:
    taken = {feed.name for feed in first}
    then = [feed for feed in then if feed.name not in taken]
    raw = with_feeds(b"# top\nfeeds:\n  zero: https://zero.example/\n", first)
    assert raw is not None
    assert with_feeds(raw, then) is not None


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    folder = tmp_path / "etc"
    (folder / "feeds").mkdir(parents=True)
    (folder / "wirewatch.yaml").write_text("contact: a@b.org\nfeeds: {a: https://a.example/}\n")
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_new_feeds_stand_in_a_file_of_their_own_beside_the_others(etc: Path) -> None:
    place = place_for(etc, None)
    add(etc, place, [ONE], {})
    add(etc, place, [TWO], {})
    assert place == etc / "feeds" / "added.yaml"
    assert list(load(etc, {}).feeds) == ["a", "one", "two"]
    assert load(etc, {}).feeds["two"].tags == ("asia", "oil & gas")


def test_a_configuration_of_one_file_takes_the_feeds_itself(tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text("contact: a@b.org\n")
    file.chmod(0o640)
    add(file, place_for(file, None), [ONE], {})
    assert list(load(file, {}).feeds) == ["one"]
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_new_file_may_be_read_by_whoever_may_read_the_main_one(etc: Path) -> None:
    """The daemon's user, for one, whatever the umask of whoever adds a feed."""
    (etc / "wirewatch.yaml").chmod(0o640)
    old = os.umask(0o077)
    try:
        add(etc, place_for(etc, None), [ONE], {})
    finally:
        os.umask(old)
    assert (etc / "feeds" / "added.yaml").stat().st_mode & 0o777 == 0o640


def test_a_symbolic_link_stays_one(etc: Path) -> None:
    real = etc / "feeds" / "real.yaml"
    real.write_text("# by hand\n")
    (etc / "feeds" / "added.yaml").symlink_to("real.yaml")
    with pytest.raises(CannotAddError):  # the same file is read twice, under two names
        add(etc, place_for(etc, None), [ONE], {})
    assert real.read_text() == "# by hand\n"
    real.rename(etc / "real.txt")
    (etc / "feeds" / "added.yaml").unlink()
    (etc / "feeds" / "added.yaml").symlink_to("../real.txt")
    add(etc, place_for(etc, None), [ONE], {})
    assert (etc / "feeds" / "added.yaml").is_symlink()
    assert (etc / "real.txt").read_text() == "# by hand\n" + as_yaml([ONE])


@pytest.mark.parametrize(
    ("feed", "to", "told"),
    [
        (
            NewFeed("one", "ftp://one.example/"),
            "feeds/added.yaml",
            (
                "nothing was written; with it there would be: {etc}/feeds/added.yaml:2:8: "
                "'ftp://one.example/' is neither http:// nor https://; write https:// in its place"
            ),
        ),
        (
            NewFeed("a", "https://one.example/"),
            "feeds/added.yaml",
            (
                "nothing was written; with it there would be: {etc}/feeds/added.yaml:2:3: "
                "feed 'a' is already defined at {etc}/wirewatch.yaml:2:9"
            ),
        ),
        (
            ONE,
            "elsewhere.yaml",
            (
                "{etc}/elsewhere.yaml is not part of the configuration; add it to include: in "
                "{etc}/wirewatch.yaml, or name another file with --to"
            ),
        ),
        (
            ONE,
            "new/folder.yaml",
            (
                "{etc}/new/folder.yaml is not part of the configuration; add it to include: in "
                "{etc}/wirewatch.yaml, or name another file with --to"
            ),
        ),
        (
            ONE,
            "list.yaml",
            (
                "{etc}/list.yaml: feeds cannot be added to it; write there yourself:\n"
                "feeds:\n  one: https://one.example/rss"
            ),
        ),
        (
            ONE,
            "wirewatch.yaml/x.yaml",
            "{etc}/wirewatch.yaml/x.yaml cannot be read: Not a directory",
        ),
        (ONE, "feeds", "{etc}/feeds cannot be read: Is a directory"),
    ],
)
def test_on_any_mistake_everything_is_as_it_was(
    etc: Path, feed: NewFeed, to: str, told: str
) -> None:
    (etc / "list.yaml").write_text("- a\n")
    before = files(etc)
    with pytest.raises(CannotAddError) as caught:
        add(etc, etc / to, [feed], {})
    assert str(caught.value) == told.format(etc=etc)
    assert files(etc) == before
    assert sorted(path.name for path in etc.iterdir()) == ["feeds", "list.yaml", "wirewatch.yaml"]


def test_a_file_that_somebody_else_saves_meanwhile_is_not_overwritten(
    etc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = place_for(etc, None)
    place.write_text("# mine\n")

    def edited(old: bytes, feeds: list[NewFeed]) -> bytes | None:
        place.write_text("# mine, edited\n")
        return with_feeds(old, feeds)

    monkeypatch.setattr("monitor.config_added.with_feeds", edited)
    with pytest.raises(
        CannotAddError, match="was changed meanwhile; nothing was written, try again"
    ):
        add(etc, place, [ONE], {})
    assert place.read_text() == "# mine, edited\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_directory_that_may_not_be_written_is_told(etc: Path) -> None:
    (etc / "feeds").chmod(0o500)
    with pytest.raises(
        CannotAddError, match="cannot be written: permission denied; run this as the owner"
    ):
        add(etc, place_for(etc, None), [ONE], {})
