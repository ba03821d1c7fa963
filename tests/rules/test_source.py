"""YAML with places: what is read, what is refused, and where."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rules.source import MAX_BYTES, Items, Node, Source, Table, Text, read, read_bytes, read_text


def plain(node: Node | None) -> object:
    """Nodes without places."""
    match node:
        case Text():
            return node.value
        case Items():
            return [plain(entry) for entry in node.items]
        case Table():
            return [(key.value, plain(value)) for key, value in node.entries]
        case None:
            return None


def only_text(source: Source) -> Text:
    """The value of the only key of a file."""
    assert isinstance(source.root, Table), source.mistakes
    value = source.root.entries[0][1]
    assert isinstance(value, Text)
    return value


def headlines(source: Source) -> list[str]:
    return [mistake.headline for mistake in source.mistakes]


@pytest.mark.parametrize(
    "written", ["no", "on", "12:30", "2024", "1.50", "012", "null", "~", "0x1F", "2026-12-31", "="]
)
def test_a_scalar_is_the_letters_of_its_source(written: str) -> None:
    assert only_text(read_text(f"a: {written}\n", "f")).value == written


def test_maps_lists_and_texts_come_in_the_order_of_the_file() -> None:
    source = read_text("b: [1, {c: d}]\na:\n  - x\n  - y: z\n", "f")
    assert plain(source.root) == [("b", ["1", [("c", "d")]]), ("a", ["x", [("y", "z")]])]
    assert source.mistakes == ()


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n", "--- # x\n...\n"])
def test_an_empty_file_holds_nothing_and_is_no_mistake(text: str) -> None:
    source = read_text(text, "f")
    assert source.mistakes == ()
    assert source.root is None or (isinstance(source.root, Text) and source.root.empty)
    assert source.readable


def test_a_byte_order_mark_and_windows_line_ends_do_not_shift_places() -> None:
    source = read_bytes(b"\xef\xbb\xbfa: b\r\nlonger: value\r\n", "f")
    assert isinstance(source.root, Table)
    key, value = source.root.entries[1]
    assert source.at(key.start) == "f:2:1"
    assert source.at(value.start) == "f:2:9"


def test_columns_count_characters_not_bytes() -> None:
    source = read_text("a: {京: 😀, x: y}\n", "f")
    assert isinstance(source.root, Table)
    inner = source.root.entries[0][1]
    assert isinstance(inner, Table)
    assert source.at(inner.entries[1][0].start) == "f:1:11"


# --- refused as a whole -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"a: b\nc: caf\xe9\n", "f:2:7: the byte 0xe9 is not UTF-8; save the file as UTF-8"),
        (b"\xff\xfea\x00", "f:1:1: is UTF-16, not UTF-8; save it as UTF-8"),
        (b"a: b\nc: \x00\n", "f:2:4: holds the control character U+0000; delete it"),
        (b"a: \x1b[31m\n", "f:1:4: holds the control character U+001B; delete it"),
        (b"[" * 100_000, "f:1:21: more than 20 levels deep"),
        (b"- " * 100_000, "f:1:41: more than 20 levels deep"),
        ("a: b\u2028c: d\n".encode(), "f:1:5: holds the line separator U+2028; delete it"),
        (
            b"a: b\n---\nc: d\n",
            "f:2:1: a second document begins here; put it into a file of its own",
        ),
        (b"x" * (MAX_BYTES + 1), "f:1:1: is bigger than 16 MB; split it"),
        (b"a:\n\tb: c\n", "f:2:1: a tab; YAML indents with spaces only; write spaces"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_where(raw: bytes, told: str) -> None:
    source = read_bytes(raw, "f")
    assert source.root is None
    assert not source.readable
    assert headlines(source) == [told]


def test_more_values_than_are_allowed_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rules.source.MAX_NODES", 100)
    source = read_text("a: [" + "x," * 200 + "]", "f")
    assert source.root is None
    assert headlines(source) == ["f:1:1: holds more than 100 values; split it"]


def test_a_directory_a_pipe_and_a_circle_of_links_are_not_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    told = [read(tmp_path / name, name).mistakes for name in (".", "pipe", "loop", "gone")]
    assert [mistake.message for (mistake,) in told] == [
        "cannot be read: Is a directory",
        "cannot be read: Not a regular file",
        "cannot be read: Too many levels of symbolic links",
        "cannot be read: No such file or directory",
    ]


# --- refused in part ---------------------------------------------------------------------------

QUOTES = "put the whole rule in single quotes or after >-"


@pytest.mark.parametrize(
    ("rule", "column", "message"),
    [
        ('"gas deal" AND x', 8, "YAML ends this value at the second quote"),
        ("'gas deal' AND x", 8, "YAML ends this value at the second quote"),
        ('"gas"\n    AND x', 8, "YAML ends this value at the second quote"),
        ("@putin AND x", 8, "YAML lets no value begin with @"),
        ("`x", 8, "YAML lets no value begin with `"),
        ("%x", 8, "YAML lets no value begin with %"),
        (
            "*stream",
            8,
            "YAML takes a value that begins with * for an alias, and aliases are not read",
        ),
        (
            "*stream* OR x",
            8,
            "YAML takes a value that begins with * for an alias, and aliases are not read",
        ),
        (
            "&a b",
            8,
            "YAML takes a value that begins with & for an anchor, and anchors are not read",
        ),
        ("!x AND y", 8, "YAML takes a value that begins with ! for a tag, and tags are not read"),
        ("| a OR b", 8, "YAML takes | for the beginning of a block of lines"),
        ("> a", 8, "YAML takes > for the beginning of a block of lines"),
        ("[a OR b] AND c", 8, "YAML takes a value that begins with [ for a list"),
        ("{a OR b} AND c", 8, "YAML takes a value that begins with { for keys and values"),
        ("title: putin", 13, "YAML takes this colon for the end of a key"),
    ],
)
def test_a_rule_that_yaml_refuses_is_told_in_words_of_its_own(
    rule: str, column: int, message: str
) -> None:
    source = read_text(f"rules:\n  ok: fine\n  gas: {rule}\n  last: fine\n", "rules/gas.yaml")
    assert headlines(source) == [f"rules/gas.yaml:3:{column}: {message}; {QUOTES}"]
    assert isinstance(source.root, Table)
    rules = source.root.entries[0][1]
    assert isinstance(rules, Table)
    assert [key.value for key, _ in rules.entries] == ["ok", "gas", "last"]
    broken = rules.entries[1][1]
    assert isinstance(broken, Text)
    assert broken.broken


def test_every_broken_value_of_a_file_is_told_once() -> None:
    text = 'rules:\n  a: "x" y\n  b: @c: d "e" f\n  d: fine\nterms:\n  g: [x, @y, z]\n'
    assert headlines(read_text(text, "f")) == [
        f"f:2:6: YAML ends this value at the second quote; {QUOTES}",
        f"f:3:6: YAML lets no value begin with @; {QUOTES}",
        "f:6:10: YAML lets no value begin with @; put the whole entry in single quotes",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "feeds:\n  a: {url: ${env:X}}\n",
            "f:2:12: YAML takes the braces of ${...} for its own here; put the value in double",
        ),
        (
            'rules:\n  a: "/\\d/"\n',
            "f:2:8: \\d means nothing between double quotes; use single quotes",
        ),
        ("feeds:\n  a: [x\nrules: b\n", "f:2:6: the list that begins here is not closed by ]"),
        ('feeds:\n  a: "x\n', "f:2:6: the quote that begins here is not closed"),
        ("feeds:\n  a: b\n c: d\n", "f:3:2: this does not belong to the lines above it"),
        ("feeds:\n  a: b\n  c\n", "f:3:3: this is neither `key: value` nor an entry of a list"),
        ("a: &x b\nc: d\n", "f:1:4: YAML takes a value that begins with & for an anchor"),
        ("a: !!str b\nc: d\n", "f:1:4: YAML takes a value that begins with ! for a tag"),
        ("a: {<<: b}\n", "f:1:5: merge keys (<<) are not read; write the values out"),
        ("[a, b]: c\n", "f:1:1: a key must be text"),
    ],
)
def test_other_faults_say_what_to_look_at(text: str, told: str) -> None:
    (first, *_rest) = headlines(read_text(text, "f"))
    assert first.startswith(told)


def test_a_bomb_of_aliases_is_refused_without_being_expanded() -> None:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    source = read_text("\n".join(lines), "f")
    assert len(source.mistakes) == 9 + 8 * 9


# --- places inside a value -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "word", "place"),
    [
        ("a: Xi AND Putin\n", "Putin", "f:1:11"),
        ("a: 'it''s Putin'\n", "Putin", "f:1:11"),
        ('a: "\\"x\\" \\u0041 Putin"\n', "Putin", "f:1:18"),
        ('a: "x \\\n  Putin"\n', "Putin", "f:2:3"),
        ("a: Xi\n  AND\n\n  Putin\n", "Putin", "f:4:3"),
        ("a: |\n  Xi AND\n    Putin\n", "Putin", "f:3:5"),
        ("a: >- # why\n  Xi AND\n  Putin\n", "Putin", "f:3:3"),
        ("a: >-\r\n  Xi AND\r\n\r\n  Putin\r\n", "Putin", "f:4:3"),
        ("a: '普京 AND\n  Putin'\n", "Putin", "f:2:3"),
        ("a: |2\n    Xi Putin\n", "Putin", "f:2:8"),
    ],
)
def test_a_place_inside_a_value_is_found_in_every_style(text: str, word: str, place: str) -> None:
    source = read_text(text, "f")
    value = only_text(source)
    assert source.at(source.inside(value, value.value.index(word))) == place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: Xi AND\n", "f:1:10"),
        ("a: Xi AND   # why\n", "f:1:10"),
        ("a: 'Xi AND'\n", "f:1:11"),
        ("a: |\n  Xi AND\n\nb: c\n", "f:2:9"),
        ("a: >-\n  Xi\n  AND\n", "f:3:6"),
    ],
)
def test_the_place_behind_a_value_is_behind_its_last_letter(text: str, place: str) -> None:
    source = read_text(text, "f")
    value = only_text(source)
    assert source.at(source.inside(value, len(value.value))) == place


@settings(deadline=None)
@given(
    value=st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=60).filter(
        lambda value: value.isprintable() and bool(value.strip())
    ),
    style=st.sampled_from(["'", '"', "|", ">", ""]),
)
@example(value="a 'b' \"c\" \\d", style='"')
@example(value="it''s", style="'")
@example(value="\\", style="|")
def test_every_visible_character_is_found_where_it_stands(value: str, style: str) -> None:
    written = yaml.dump({"a": value}, default_style=style or None, allow_unicode=True, width=20)
    source = read_text(written, "f")
    if source.root is None:
        return  # noncharacters, which YAML does not hold
    text = only_text(source)
    for offset, char in enumerate(text.value):
        at = source.inside(text, offset)
        if not char.isspace() and source.text[at] != "\\":
            assert source.text[at] == char


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet="a:-[]{}'\"\n #*&!|>@%`,?\\\t$", max_size=60))
def test_no_bytes_make_it_raise(raw: bytes | str) -> None:
    source = read_bytes(raw if isinstance(raw, bytes) else raw.encode(), "f")
    for mistake in source.mistakes:
        assert str(mistake)
        assert mistake.line >= 1
        assert mistake.column >= 1
    assert source.readable or source.mistakes


# --- what is shown -----------------------------------------------------------------------------


def test_a_shown_line_holds_no_password_and_no_control_character() -> None:
    url = read_text("a: https://user:p4ss@x.org/\u202e\n", "f")
    assert url.line(1) == "a: https://user:••••@x.org/\ufffd"
    words = read_text("{password: p4ss, secret: 'w h y'}\n", "f")
    assert words.line(1) == "{password: ••••, secret: '•••••'}"
    token = read_text("u: https://x.org/services/T0/0123456789abcdefABCDEF?a=b\n", "f")
    assert token.line(1) == f"u: https://x.org/services/T0/{'•' * 22}?a=b"
    reference = read_text('password: "${env:X}"\n', "f")
    assert reference.line(1) == 'password: "${env:X}"'


def test_a_line_too_long_to_help_is_not_shown() -> None:
    source = read_text(f"a: {'x' * 500}\n", "f")
    assert source.mistake(3, "wrong").source == ""


def test_a_reference_to_a_secret_is_shown() -> None:
    source = read_text('a: "smtps://user:${credential:smtp}@x.org"\n', "f")
    assert source.line(1) == 'a: "smtps://user:${credential:smtp}@x.org"'


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("{type: matrix, token: tok, room: a}", "{type: matrix, token: •••, room: a}"),
        ('{token: "123456:ABC", chat: 1}', '{token: "••••••••••", chat: 1}'),
        ('{"token": "a b"}', '{"token": "•••"}'),
        ("headers: {Authorization: Bearer abc}", "headers: {Authorization: ••••••••••}"),
        ("X-Api-Key: abc", "X-Api-Key: •••"),
        ("u: https://x.org/m?key=a&token=b&page=2", "u: https://x.org/m?key=•&token=•&page=2"),
        (f"u: https://x.org/1/aB3-{'x' * 20}/end", f"u: https://x.org/1/{'•' * 24}/end"),
        (f"bot: 123456:{'A' * 35}", f"bot: {'•' * 42}"),
        ("token: ${env:TOKEN}", "token: ${env:TOKEN}"),
        ('token: "${file:/t}"', 'token: "${file:/t}"'),
        ("u: https://x.org/m?key=${env:KEY}", "u: https://x.org/m?key=${env:KEY}"),
        ("u: https://x.org/2026/11/strike-at-the-harbour", None),
    ],
)
def test_a_shown_line_covers_what_a_key_or_its_form_calls_secret(
    line: str, shown: str | None
) -> None:
    """E15"""
    assert read_text(f"a: 1\n{line}\n", "f").line(2) == (line if shown is None else shown)
