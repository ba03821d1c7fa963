"""`wirewatch match`: expressions and rules tried on items from files and pipes."""

from __future__ import annotations

import errno
import gc
import io
import json
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, cast

import pytest
from rigs.command import Terminal, run_here

from monitor.cli import COMMANDS, main
from monitor.cli.lines import LONGEST, Line, NotLinesError, Unreadable, read_items
from monitor.cli.match import Search
from rules import Document, compile_rules, evaluate

ITEMS = [
    {"title": "Xi met Putin", "text": "In Beijing Putin signed nothing.", "lang": "en"},
    {"title": "Rain in Minsk"},
    {"title": "", "content": "Putin, in a text without a title, wrote to Xi"},
]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if Path("/etc/wirewatch").exists():
        pytest.skip("this machine has a configuration of its own in /etc/wirewatch")
    monkeypatch.chdir(tmp_path)


def write(*items: Any, name: str = "items.jsonl") -> str:
    Path(name).write_text("".join(json.dumps(item) + "\n" for item in items))
    return name


def typed(monkeypatch: pytest.MonkeyPatch, text: bytes) -> None:
    """Standard input holds this text and is no terminal."""
    monkeypatch.setattr(
        sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text), isatty=lambda: False)
    )


def test_matching_items_are_shown_with_the_words_between_asterisks_when_piped() -> None:
    done = run_here(["match", "Xi AND Putin", write(*ITEMS)])
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "1: *Xi* met *Putin*\n"
        "    content: In Beijing *Putin* signed nothing.\n"
        "3: (no title)\n"
        "    content: *Putin*, in a text without a title, wrote to *Xi*\n"
    )


def test_nothing_found_is_exit_code_1_without_a_word() -> None:
    done = run_here(["match", "Gazprom", write(*ITEMS)])
    assert (done.code, done.out, done.err) == (1, "", "")


def test_json_gives_one_object_a_matching_line_and_nothing_for_the_others() -> None:
    done = run_here(["match", "Xi AND Putin", write(*ITEMS), "--json"])
    first, second = map(json.loads, done.out.splitlines())
    assert first == {
        "line": 1,
        "spans": [
            {"field": "title", "start": 0, "end": 2, "term": "Xi"},
            {"field": "title", "start": 7, "end": 12, "term": "Putin"},
            {"field": "content", "start": 11, "end": 16, "term": "Putin"},
        ],
    }
    assert second["line"] == 3


def test_a_match_without_spans_is_a_line_too() -> None:
    name = write(
        {"title": "Rain\u202e in \u001b[2JMinsk", "lang": "en-GB", "url": "https://a.example/x"}
    )
    assert run_here(["match", "lang:en", name]).out == "1: Rain in [2JMinsk\n"
    assert run_here(["match", "lang:en", name, "--json"]).out == '{"line": 1, "spans": []}\n'


def test_every_field_of_an_item_can_be_asked_for() -> None:
    name = write(
        {
            "title": "t",
            "summary": "s",
            "text": "c",
            "author": "Ann",
            "tags": ["gas", 7],
            "url": "https://news.example.org/gas",
            "feed": "antara",
            "feed_tags": "asia",
            "source": "ANTARA",
            "lang": "id",
        }
    )
    for expression in (
        "title:t summary:s content:c author:ann tag:gas tag:7",
        "domain:example.org feed:antara feed:asia source:antara lang:id url:gas",
    ):
        assert run_here(["match", expression, name]).code == 0


def test_text_stands_for_content_only_where_there_is_none() -> None:
    name = write({"content": "here", "text": "there"}, {"content": None, "text": "there"})
    done = run_here(["match", "content:there", name, "--json"])
    assert [json.loads(line)["line"] for line in done.out.splitlines()] == [2]


def test_lines_of_plain_text_are_items_and_empty_lines_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    typed(monkeypatch, "\ufeffRain in Minsk\r\n\n  Xi met Putin \r\n".encode())
    done = run_here(["match", "Putin", "-", "--json"])
    assert json.loads(done.out) == {
        "line": 3,
        "spans": [{"field": "title", "start": 7, "end": 12, "term": "Putin"}],
    }


def test_without_a_file_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, b"Xi met Putin\n")
    assert run_here(["match", "Putin"]).out == "1: Xi met *Putin*\n"


def test_at_a_terminal_it_says_that_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = SimpleNamespace(buffer=io.BytesIO(b"Putin\n"), isatty=lambda: True)
    monkeypatch.setattr(sys, "stdin", stdin)
    done = run_here(["match", "Putin"])
    assert done.err == "reading items from the terminal, one a line; end with Ctrl-D\n"


def test_plain_reads_lines_that_begin_with_a_brace_as_texts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    typed(monkeypatch, b"{Putin}\n[1] Putin\n")
    done = run_here(["match", "Putin", "-", "--plain"])
    assert (done.code, done.out) == (0, "1: {*Putin*}\n2: [1] *Putin*\n")


def test_the_language_of_items_that_name_none_can_be_given() -> None:
    name = write({"title": "the pipelines"}, {"title": "the pipelines", "lang": "vi"})
    done = run_here(["match", "~pipeline", name, "--lang", "en", "--json"])
    assert [json.loads(line)["line"] for line in done.out.splitlines()] == [1]


def test_lines_that_cannot_be_read_are_told_and_left_out_and_the_exit_code_is_2() -> None:
    lines = [
        b'{"title": "Putin"}',
        b'{"title": "Putin"',
        b"[1]",
        b'{"titel": "Putin"}',
        b'{"title": ["Putin"]}',
        b'{"title": "Putin", "tags": [{}]}',
        b'{"title": "\xff"}',
        b"[" * 100_000,
        b"9" * 5_000,
        b'{"title": "Putin again"}',
    ]
    Path("items.jsonl").write_bytes(b"\n".join(lines))
    done = run_here(["match", "Putin", "items.jsonl"])
    assert done.code == 2
    assert done.out == "1: *Putin*\n10: *Putin* again\n"
    assert done.err.splitlines() == [
        "items.jsonl:2: not JSON from column 18 on; the line is left out",
        "items.jsonl:3: not a JSON object; the line is left out",
        (
            "items.jsonl:4: no item: it has none of title, summary, content, text, author, tags,"
            " url; the line is left out"
        ),
        "items.jsonl:5: title is not text; the line is left out",
        "items.jsonl:6: tags is not a list of texts; the line is left out",
        "items.jsonl:7: not UTF-8 (byte 12 of the line); the line is left out",
        "items.jsonl:8: not JSON that can be read; the line is left out",
        "items.jsonl:9: not JSON that can be read; the line is left out",
    ]


def test_of_many_unreadable_lines_the_first_are_told_and_the_others_counted() -> None:
    Path("items.jsonl").write_text('{"title": "Putin"}\n' + "{\n" * 50)
    done = run_here(["match", "Putin", "items.jsonl"])
    assert done.code == 2
    assert len(done.err.splitlines()) == 21
    assert done.err.splitlines()[-1] == "items.jsonl: 30 more lines could not be read"


def test_a_json_array_is_refused_with_the_way_out() -> None:
    Path("items.json").write_text(json.dumps(ITEMS, indent=1))
    done = run_here(["match", "Putin", "items.json"])
    assert (done.code, done.out) == (2, "")
    assert done.err == ("items.json: this is a JSON array; write one object a line: jq -c '.[]'\n")
    with pytest.raises(NotLinesError):
        list(read_items(io.BytesIO(json.dumps(ITEMS).encode())))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["Xi AND"], "column 7: expected a term after AND\n    Xi AND\n          ^\n"),
        (
            ["@putin"],
            (
                "column 1: no group named @putin\n    @putin\n    ^\n"
                "groups are read from a configuration: name it with -c\n"
            ),
        ),
        ([], "match: write an expression, as in: wirewatch match 'Xi AND Putin' items.jsonl\n"),
        (
            ["Xi", "AND", "Putin"],
            (
                "match: 3 arguments; put the expression in quotes, as in: "
                "wirewatch match 'Xi AND Putin' items.jsonl\n"
            ),
        ),
        (["Putin", "absent"], "absent: cannot be read: No such file or directory\n"),
        (["Putin", "."], ".: cannot be read: Is a directory\n"),
        (["\udcff", "x"], "match: the expression is not UTF-8\n"),
        (
            ["Putin", "items.jsonl", "--rules", "."],
            "match: with --rules there is one FILE at most, and no EXPR\n",
        ),
        (["--rules", "absent"], "absent:1:1: cannot be read: No such file or directory\n"),
        (["--rules", "."], "no rules in .\n"),
    ],
)
def test_a_mistake_is_told_before_anything_is_read(words: list[str], told: str) -> None:
    done = run_here(["match", *words])
    assert (done.code, done.out, done.err) == (2, "", told)


def test_groups_come_from_the_configuration_even_without_its_secrets() -> None:
    Path("etc/rules").mkdir(parents=True)
    Path("etc/wirewatch.yaml").write_text(
        'channels: {chat: {type: slack, url: "${env:NOT_SET}"}}\nfeeds: {a: nonsense}\n'
    )
    Path("etc/rules/terms.yaml").write_text("terms: {putin: [Putin, Путин*]}\n")
    name = write({"title": "Путина ждут"})
    assert run_here(["match", "@putin", name, "-c", "etc"]).out == "1: *Путина* ждут\n"
    assert run_here(["match", "@puten", name, "-c", "etc"]).err.startswith(
        "column 1: no group named @puten; did you mean @putin?\n"
    )
    done = run_here(["match", "@putin", name, "-c", "nowhere"])
    assert done.code == 2
    assert done.err.startswith("nowhere:1:1: there is no such configuration; name another after -c")


def test_the_usual_configuration_is_read_only_for_a_group() -> None:
    Path("wirewatch.yaml").write_text("terms: {putin: [Putin], broken: []}\n")
    name = write(*ITEMS)
    assert run_here(["match", "Putin", name]).code == 0
    done = run_here(["match", "@putin", name])
    assert done.code == 2
    assert done.err.startswith("wirewatch.yaml:1:25: group 'broken' has no terms")
    Path("wirewatch.yaml").write_text("terms: {putin: [Putin]}\n")
    assert run_here(["match", "@putin", name]).code == 0


def test_rules_of_a_folder_are_matched_together() -> None:
    Path("rules").mkdir()
    Path("rules/leaders.yaml").write_text(
        "rules:\n  xi-putin: Xi AND @putin\nterms: {putin: [Putin]}\n"
    )
    Path("rules/weather.yaml").write_text(
        "rules:\n  rain: {match: rain, send: [desk]}\n  all: rain OR Xi\n"
    )
    name = write(*ITEMS)
    assert run_here(["match", "--rules", "rules", name]).out.splitlines()[::2] == [
        "1: [xi-putin, all] *Xi* met *Putin*",
        "2: [rain, all] *Rain* in Minsk",
        "    content: *Putin*, in a text without a title, wrote to *Xi*",
    ]
    done = run_here(["match", "--rules", "rules", name, "--json"])
    found = [json.loads(line) for line in done.out.splitlines()]
    assert [(one["line"], list(one["rules"])) for one in found] == [
        (1, ["xi-putin", "all"]),
        (2, ["rain", "all"]),
        (3, ["xi-putin", "all"]),
    ]
    assert found[1]["rules"]["rain"] == [{"field": "title", "start": 0, "end": 4, "term": "rain"}]


class Endless:
    """A file of a great many lines that is nowhere as a whole."""

    def __init__(self, line: bytes, lines: int) -> None:
        self._line, self._left = line, lines

    def readline(self, _limit: int) -> bytes:
        self._left -= 1
        return self._line if self._left >= 0 else b""


def test_memory_does_not_grow_with_the_number_of_items() -> None:
    line = json.dumps({"title": "Xi met Putin", "text": "word " * 200}).encode() + b"\n"

    rules = compile_rules({"": "Xi AND Putin"})

    def peak(lines: int) -> int:
        tracemalloc.start()
        try:
            stream = cast("IO[bytes]", Endless(line, lines))
            found = Search(rules, "stdin").matches(stream, plain=False, lang="")
            assert sum(1 for _ in found) == lines
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(100)  # what is imported and remembered once
    assert peak(5_000) < peak(100) + 500_000  # a tenth of them all


def test_of_all_items_no_more_than_the_one_at_hand_is_held() -> None:
    stream = cast("IO[bytes]", Endless(b'{"title": "Xi met Putin"}\n', 50))
    rules = compile_rules({"": "Xi AND Putin"})
    for number, (_, matches) in enumerate(
        Search(rules, "stdin").matches(stream, plain=False, lang="")
    ):
        assert len(matches[0].spans) == 2
        if number % 16 == 0:  # to look through all objects there are takes a while
            assert sum(type(one) is Document for one in gc.get_objects()) <= 2


def test_a_line_without_end_is_left_out_and_not_kept() -> None:
    class Long(Endless):
        def readline(self, limit: int) -> bytes:
            return super().readline(limit) or (b"Putin\n" if self._left == -1 else b"")

    chunks = cast("IO[bytes]", Long(b"x" * (LONGEST + 1), 3))
    found = list(read_items(chunks))
    assert found == [Unreadable(1, "longer than 4 MB")]


def test_items_are_read_as_they_are_asked_for() -> None:
    stream = io.BytesIO(b"one\ntwo\nthree\n")
    first = next(iter(read_items(stream)))
    assert first == Line(1, Document("one"))
    assert stream.read() == b"two\nthree\n"


def test_a_reader_who_leaves_ends_it_quietly() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "monitor.cli", "match", "Putin"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin and process.stdout and process.stderr  # noqa: PT018 - for mypy
        process.stdin.write(b"Putin\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"1: *Putin*\n"
        process.stdout.close()
        process.stdin.write(b"Putin\n" * 10)
        process.stdin.close()
        assert process.wait(30) == 0
        assert process.stderr.read() == b""


def test_output_that_cannot_be_written_is_told() -> None:
    name = write(*ITEMS)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "monitor.cli", "match", "Putin", name],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.stderr == "the output cannot be written: No space left on device\n"
    assert done.returncode == 2


def test_ctrl_c_ends_it_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(io.BytesIO):
        def readline(self, _size: int | None = -1, /) -> bytes:
            raise KeyboardInterrupt

    stdin = SimpleNamespace(buffer=Interrupted(), isatty=lambda: False)
    monkeypatch.setattr(sys, "stdin", stdin)
    done = run_here(["match", "Putin"])
    assert (done.code, done.out, done.err) == (130, "", "")


def test_without_standard_input_a_file_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    done = run_here(["match", "Putin"])
    assert (done.code, done.err) == (2, "match: there is no standard input; name a FILE\n")


def test_a_file_that_breaks_while_it_is_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.BytesIO):
        def readline(self, _size: int | None = -1, /) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

    stdin = SimpleNamespace(buffer=Broken(), isatty=lambda: False)
    monkeypatch.setattr(sys, "stdin", stdin)
    done = run_here(["match", "Putin"])
    assert (done.code, done.err) == (2, "stdin: cannot be read: Input/output error\n")


def test_an_expression_that_begins_with_a_dash_goes_after_two() -> None:
    done = run_here(["match", "--", "-Minsk (Xi OR rain)", write(*ITEMS)])
    assert [line[:2] for line in done.out.splitlines()] == ["1:", "3:", "  "]


def shown(monkeypatch: pytest.MonkeyPatch, columns: int, *items: Any) -> list[str]:
    """The lines that a terminal of so many columns is sent."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    with pytest.raises(SystemExit):
        main(["match", "(Xi AND Putin) OR 普京 OR بوتين", write(*items)])
    return terminal.getvalue().splitlines()


def test_in_a_terminal_matched_words_are_in_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = shown(monkeypatch, 80, {"title": "Xi met Putin " + "and so on"})
    assert line == "\x1b[2m1: \x1b[0m\x1b[1;33mXi\x1b[0m met \x1b[1;33mPutin\x1b[0m and so on"


@pytest.mark.parametrize("columns", [80, 120])
def test_in_a_terminal_long_texts_are_cut_between_words_and_stay_indented(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rich.cells import cell_len

    items = (
        {"title": "Putin and Xi met " + "again and again " * 15},
        {"title": "普京", "text": "普京访华" * 40},
        {"title": "بوتين", "text": "بوتين " * 40},
        {"title": "Xi, Putin", "text": f"Putin: https://example.org/{'long/' * 30}end"},
    )
    lines = [_COLOUR.sub("", line) for line in shown(monkeypatch, columns, *items)]
    assert max(map(cell_len, lines)) <= columns
    begins = [re.match(r"\s*\S+\s?", line)[0] for line in lines]  # type: ignore[index] # none is empty
    assert begins[0] == "1: "
    assert set(begins[1 : begins.index("2: ")]) <= {"  again ", "  and "}
    content = [line for line in lines if line.startswith("    content: ")]
    assert [line[13:17] for line in content] == ["普京访华", "بوتي", "Puti"]
    assert min(map(cell_len, content[:2])) > columns - 12
    for line in lines:
        assert line.startswith(
            ("1: ", "2: ", "3: ", "4: ", "  again", "  and", "    content: ", "      ")
        )
    text = "".join(line.strip() for line in lines)
    assert "普京访华" * 40 in text
    assert f"https://example.org/{'long/' * 30}end" in text


_COLOUR = re.compile(r"\x1b\[[\d;]*m")


@pytest.mark.corpus
def test_the_lines_found_in_a_corpus_are_those_the_evaluator_finds(corpora: Path) -> None:
    file = corpora / "news" / "id.jsonl"
    expression = "(Putin OR pipa OR presiden) NOT menteri*"
    done = run_here(["match", expression, str(file), "--json"])
    found = {line["line"]: line["spans"] for line in map(json.loads, done.out.splitlines())}
    assert found == dict(_expected(file, expression))
    assert found


def _expected(file: Path, expression: str) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    for number, text in enumerate(file.read_text().splitlines(), 1):
        item = json.loads(text)
        match = evaluate(
            expression, Document(item["title"], content=item["text"], lang=item["lang"])
        )
        if match:
            yield number, [span._asdict() for span in match.spans]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_how_it_is_used(name: str) -> None:
    done = run_here([name, "--help"])
    assert done.code == 0
    assert f"wirewatch {name}" in done.out


@pytest.mark.parametrize("name", ["match", "backtest"])
def test_the_help_of_several_paragraphs_is_wrapped_where_the_terminal_ends(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told = run_here([name, "--help"]).out.split("╭")[0]
    lines = [line.strip() for line in told.splitlines()]
    for line, following in pairwise(lines):
        first = following.split(" ")[0]
        if line and first and not line.endswith("."):
            assert len(f"{line} {first}") > 74, f"there was room for {first!r}"
