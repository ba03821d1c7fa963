"""Ids made by us: UUIDv7 text, so that they sort by the time they were made (RFC 9562, 5.7)."""

from __future__ import annotations

import os
import time


def new_id() -> str:
    """36 characters: 48 bits of milliseconds, 74 random bits."""
    value = int.from_bytes(os.urandom(16), "big") & ~(0xFFFF_FFFF_FFFF << 80)
    value |= (time.time_ns() // 1_000_000 & 0xFFFF_FFFF_FFFF) << 80
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
