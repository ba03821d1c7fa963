"""Ids made by us: UUIDv7 text, so that they sort by the time they were made (RFC 9562, 5.7)."""

from __future__ import annotations

import os
import time


def new_id() -> str:
    """36 characters: 48 bits of milliseconds, 12 bits of the part of one that has passed (RFC 9562,
    6.2, method 3), so that ids made one after the other stay in order, and 62 random bits."""
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    value = int.from_bytes(os.urandom(8), "big")
    value |= (milliseconds & 0xFFFF_FFFF_FFFF) << 80
    value |= 0x7 << 76 | (nanoseconds * 4096 // 1_000_000) << 64
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
