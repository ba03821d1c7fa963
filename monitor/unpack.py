"""A body as it travelled -> its bytes, never more than allowed, never unpacked further than that.

Chose: zlib with a limit on every call. Instead of: the client's own decoding. Because: 800 bytes,
gzipped twice, became one chunk of 400 MB before anybody could count it.
"""

from __future__ import annotations

import zlib
from typing import Literal

_MOST_MEMBERS = 100
"""A gzip body may be several joined ones; more than this is work made for us."""

_RATIO = 100
_RATIO_FROM = 1024 * 1024
_PIECE = 256 * 1024


class BadBody(Exception):  # noqa: N818 - says what it is, like the failures of alerts.channel
    """The body cannot be had whole; ``kind`` is a kind of `monitor.fetch.FetchFailed`."""

    def __init__(self, kind: Literal["too_big", "protocol", "dropped"], message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class Unpacker:
    """Takes the chunks of one body and keeps at most ``most`` bytes.

    ``codings``: the values of Content-Encoding, in order.

    Raises:
        BadBody: for a coding that was not asked for, two codings, a body too big.
    """

    def __init__(self, codings: list[str], most: int) -> None:
        self._packed = _is_packed(codings)
        self._most = most
        self._gzip = zlib.decompressobj(31)
        self._members = 1
        self._over = False  # what follows the last member is padding
        self._came = 0
        self._kept = bytearray()

    def expect(self, length: bytes) -> None:
        """Hear the Content-Length, so that what is too big is refused before it travels.

        Raises:
            BadBody: when that is more than may be kept.
        """
        if length.isdigit() and (len(length) > 18 or int(length) > self._most):
            raise self._too_big()

    def add(self, chunk: bytes) -> None:
        """Take the next chunk.

        Raises:
            BadBody: when there is too much of it, or it is not what the codings say.
        """
        self._came += len(chunk)
        if self._packed:
            self._unpack(chunk)
        else:
            self._kept += chunk
        if max(self._came, len(self._kept)) > self._most:
            raise self._too_big()

    def body(self) -> bytes:
        """The whole body, once every chunk was added.

        Raises:
            BadBody: when a packed body ended in the middle.
        """
        if self._packed and self._came and not self._gzip.eof:
            raise BadBody("dropped", "the body ended early: its gzip data is not complete")
        return bytes(self._kept)

    def _unpack(self, chunk: bytes) -> None:
        while chunk and not self._over:
            if self._gzip.eof:
                self._next_member(chunk)
            else:
                self._inflate(chunk)
                chunk = self._gzip.unused_data

    def _next_member(self, chunk: bytes) -> None:
        """Begin the next joined body, if one begins here."""
        self._over = not chunk.startswith(b"\x1f")
        self._members += 1
        if self._members > _MOST_MEMBERS:
            raise BadBody("protocol", "the body is made of too many gzip pieces")
        if not self._over:
            self._gzip = zlib.decompressobj(31)

    def _inflate(self, packed: bytes) -> None:
        """Unpack piece by piece, so that a bomb is seen while it is small."""
        pending = True  # zlib may hold more than one piece of what it has read
        while (packed or pending) and not self._gzip.eof:
            try:
                piece = self._gzip.decompress(packed, _PIECE)
            except zlib.error:
                raise BadBody("protocol", "the body is not the gzip data it claims to be") from None
            self._kept += piece
            self._require_sane_size()
            packed = self._gzip.unconsumed_tail
            pending = len(piece) == _PIECE

    def _require_sane_size(self) -> None:
        size = len(self._kept)
        if size > self._most:
            raise self._too_big()
        if size > _RATIO_FROM and size > _RATIO * self._came:
            raise BadBody("too_big", f"the body unpacks to more than {_RATIO} times its size")

    def _too_big(self) -> BadBody:
        return BadBody("too_big", f"the body is larger than {self._most / 1024**2:g} MiB")


def _is_packed(codings: list[str]) -> bool:
    applied = [name for value in codings for name in _names(value) if name != "identity"]
    if len(applied) > 1:
        raise BadBody("protocol", "the body is packed more than once, which is not accepted")
    if applied and applied[0] not in {"gzip", "x-gzip"}:
        raise BadBody(
            "protocol", f"the body is packed as {applied[0][:40]}, which was not asked for"
        )
    return bool(applied)


def _names(value: str) -> list[str]:
    return [name for part in value.split(",") if (name := part.strip().lower())]
