"""What is published when, and which alerts must come of it.

The expectations are written by hand beside the articles, never computed by the rules they test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CHAT, MAIL = "newsroom", "desk"
BROKEN = "old-herald"
"""The feed that is no feed."""


@dataclass(frozen=True, slots=True)
class Step:
    """One publication. ``says``: what there is to see in it. ``alerts``: the rules that must match
    and the channels each must reach. ``number``: of a serial; ``corrected``: a second version."""

    paper: str
    slug: str
    says: str
    alerts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    corrected: bool = False
    number: int = 0


PROGRAMME = (
    Step(
        "warta-selat",
        "xi-putin-beijing",
        "an Indonesian report: the pipeline in it is a pipa",
        {"xi-putin": (CHAT, MAIL), "pipelines": (CHAT,)},
    ),
    Step(
        "harbour-post",
        "rasputin-on-the-quay",
        "Rasputin is not Putin, Xinhua is not Xi, and neither is propaganda",
    ),
    Step(
        "wanghai",
        "no-signature",
        "the same news in Chinese, which has no spaces between words",
        {"xi-putin": (CHAT, MAIL), "pipelines": (CHAT,)},
    ),
    Step(
        "warta-selat",
        "air-tiga-kelurahan",
        'a pipa again, but a pipa air: the rule says NOT "pipa air"',
    ),
    Step(
        "vestnik-mayaka",
        "tri-chasa",
        "in Russian names bend: Путина, Цзиньпином",
        {"xi-putin": (CHAT, MAIL)},
    ),
    Step(
        "warta-selat",
        "xi-putin-beijing",
        "the first report is corrected: the same article, so nobody is told again",
        corrected=True,
    ),
    Step(
        "barid-almina",
        "aqd-al-ghaz",
        "an Arabic pipeline",
        {"pipelines": (CHAT,)},
    ),
    Step(
        "harbour-post",
        "pilots-strike",
        "this rule writes to the mailbox alone",
        {"harbour-strikes": (MAIL,)},
    ),
)

SERIALS = (
    Step("warta-selat", "catatan-gas", "one more report", {"pipelines": (CHAT,)}),
    Step("harbour-post", "from-the-archive", "nothing that a rule asks for"),
    Step("vestnik-mayaka", "uchastok", "one more report", {"pipelines": (CHAT,)}),
)
"""What is published again and again, each time with a number, when the demo is to go on."""
