"""Bytes become the text that was meant, whatever header and prolog say of them (B6)."""

from __future__ import annotations

import pytest

from monitor.charset import decode

RSS = "<rss><title>{}</title></rss>"
CASES = [
    # text, real encoding, prolog says, header says
    ("Газ и нефть", "utf-8", "", ""),
    ("Газ и нефть", "utf-8", "utf-8", "text/xml"),
    ("Газ и нефть", "windows-1251", "windows-1251", "text/xml"),
    ("Газ и нефть", "windows-1251", "", "text/xml; charset=windows-1251"),
    ("Газ и нефть", "windows-1251", "utf-8", 'application/xml; charset="windows-1251"'),
    ("Газ и нефть", "koi8-r", "koi8-r", ""),
    ("Газ и нефть", "utf-8", "", "text/xml; charset=iso-8859-1"),  # the server's default
    ("Газ и нефть", "utf-8", "windows-1251", "text/xml; charset=utf-8"),
    ("Газ и нефть", "utf-16", "utf-16", "text/xml; charset=utf-16"),
    ("Газ и нефть", "utf-16-le", "", ""),
    ("Газ и нефть", "utf-16-be", "", "text/xml; charset=utf-8"),
    ("Газ и нефть", "utf-32", "", ""),
    ("Gas", "ascii", "utf-16", "text/xml; charset=utf-16"),  # untrue: its bytes say so
    ("普京访华", "gb18030", "gb2312", ""),
    ("普京訪華", "big5", "big5", ""),
    ("プーチン氏", "shift_jis", "Shift_JIS", ""),
    ("プーチン氏", "euc-jp", "euc-jp", ""),
    ("푸틴 대통령", "euc-kr", "euc-kr", ""),
    ("“Zürich” – 5 €", "windows-1252", "iso-8859-1", ""),
    ("“Zürich” – 5 €", "windows-1252", "", ""),
    ("Zürich", "iso-8859-1", "utf-8", "text/xml; charset=utf-8"),  # both untrue
    ("Zürich", "utf-8", "no-such-charset", "text/xml; charset=nonsense"),
    ("Zürich", "utf-8", "base64", "text/xml; charset=rot13"),  # codecs, but not of text
]


@pytest.mark.parametrize(("text", "encoding", "prolog", "header"), CASES)
def test_a_body_is_read_as_what_it_is(text: str, encoding: str, prolog: str, header: str) -> None:
    declared = f"<?xml version='1.0' encoding='{prolog}'?>" if prolog else ""

    assert decode((declared + RSS.format(text)).encode(encoding), header).endswith(RSS.format(text))


def test_a_few_broken_bytes_do_not_make_utf8_something_else() -> None:
    body = RSS.format("Газ и нефть").encode() + b"\xd0<"

    assert decode(body) == RSS.format("Газ и нефть") + "\ufffd<"


def test_a_character_cut_at_the_end_is_left_out() -> None:
    body = RSS.format("Газ").encode() + "é".encode()[:1]

    assert decode(body) == RSS.format("Газ")


@pytest.mark.parametrize("body", [b"", b"\xff", b"\xff\xfe", b"\0", bytes(range(256)), b"<\0"])
def test_nothing_is_raised(body: bytes) -> None:
    for header in ("", "charset=utf-8", "charset=idna", "charset=" + "x" * 99, "charset=utf-7"):
        assert isinstance(decode(body, header), str)
