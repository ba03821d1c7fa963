"""Bodies are unpacked as far as allowed and no further (B3)."""

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rigs.origin import bomb

from monitor.unpack import BadBody, Unpacker

MOST = 15 * 1024 * 1024
BOMB = bomb(100 << 20)


def unpacked(packed: bytes, *codings: str, most: int = MOST, step: int = 65536) -> bytes:
    unpacker = Unpacker(list(codings), most)
    for start in range(0, len(packed), step):
        unpacker.add(packed[start : start + step])
    return unpacker.body()


def complaint(packed: bytes, *codings: str, most: int = MOST) -> tuple[str, str]:
    with pytest.raises(BadBody) as caught:
        unpacked(packed, *codings, most=most)
    return caught.value.kind, caught.value.message


@given(st.binary(max_size=3000), st.integers(1, 50), st.sampled_from(["gzip", "X-GZip"]))
def test_what_was_packed_comes_back_whatever_the_chunks(
    body: bytes, step: int, coding: str
) -> None:
    assert unpacked(gzip.compress(body), coding, step=step) == body


def test_a_large_body_that_fits_comes_back_whole() -> None:
    body = random.Random(1).randbytes(3 * 1024 * 1024)
    assert unpacked(gzip.compress(body, 1), "gzip") == body


@pytest.mark.parametrize("size", [256 * 1024, 512 * 1024, 1024 * 1024])
def test_a_body_that_fills_whole_pieces_is_not_taken_for_cut(size: int) -> None:
    body = b"ab" * (size // 2)
    assert unpacked(gzip.compress(body), "gzip") == body


@pytest.mark.parametrize("codings", [(), ("identity",), ("identity, ",), ("",)])
def test_a_plain_body_stays_as_it_is(codings: tuple[str, ...]) -> None:
    assert unpacked(b"<rss/>", *codings) == b"<rss/>"


def test_joined_gzip_pieces_are_one_body_and_padding_is_ignored() -> None:
    joined = gzip.compress(b"one ") + gzip.compress(b"two")
    for step in (1, 7, 65536):
        assert unpacked(joined + bytes(512) + b"\x1f", "gzip", step=step) == b"one two"


def test_an_empty_body_called_gzip_is_an_empty_body() -> None:
    assert unpacked(b"", "gzip") == b""


@pytest.mark.parametrize(
    ("packed", "codings", "expected"),
    [
        (
            BOMB,
            ["gzip"],
            ("too_big", "the body unpacks to more than 100 times its size"),
        ),
        (
            gzip.compress(BOMB),
            ["gzip, gzip"],
            ("protocol", "the body is packed more than once, which is not accepted"),
        ),
        (
            gzip.compress(BOMB),
            ["gzip", "gzip"],
            ("protocol", "the body is packed more than once, which is not accepted"),
        ),
        (b"", ["br"], ("protocol", "the body is packed as br, which was not asked for")),
        (b"", ["deflate"], ("protocol", "the body is packed as deflate, which was not asked for")),
        (
            b"<rss></rss>",
            ["gzip"],
            ("protocol", "the body is not the gzip data it claims to be"),
        ),
        (
            gzip.compress(b"<rss/>")[:-9] + b"12345678!",
            ["gzip"],
            ("protocol", "the body is not the gzip data it claims to be"),
        ),
        (
            gzip.compress(b"<rss/>" * 99)[:-3],
            ["gzip"],
            ("dropped", "the body ended early: its gzip data is not complete"),
        ),
        (
            gzip.compress(b"") * 200,
            ["gzip"],
            ("protocol", "the body is made of too many gzip pieces"),
        ),
    ],
    ids=[
        "bomb",
        "bomb twice",
        "two headers",
        "br",
        "deflate",
        "not gzip",
        "wrong checksum",
        "truncated",
        "many members",
    ],
)
def test_a_body_that_cannot_be_had_whole_says_why(
    packed: bytes, codings: list[str], expected: tuple[str, str]
) -> None:
    assert complaint(packed, *codings) == expected


@pytest.mark.parametrize("codings", [(), ("gzip",)])
def test_the_limit_is_on_what_comes_out_to_the_byte(codings: tuple[str, ...]) -> None:
    body = random.Random(2).randbytes(1024 * 1024)
    packed = gzip.compress(body, 1) if codings else body
    assert unpacked(packed, *codings, most=len(body) + (4096 if codings else 0)) == body
    assert complaint(packed, *codings, most=len(body) - 1) == (
        "too_big",
        f"the body is larger than {(len(body) - 1) / 1024**2:g} MiB",
    )


def test_packed_data_that_yields_nothing_is_bounded_too() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    nothing = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    empty_blocks = nothing + b"\x00\x00\x00\xff\xff" * 300_000
    assert complaint(empty_blocks, "gzip", most=1024 * 1024)[0] == "too_big"


def test_a_bomb_costs_a_few_megabytes() -> None:
    packed = BOMB
    tracemalloc.start()
    try:
        assert complaint(packed, "gzip")[0] == "too_big"
        assert tracemalloc.get_traced_memory()[1] < 8 * 1024 * 1024
    finally:
        tracemalloc.stop()
