"""docs/configuration.md: its examples are right, and it leaves no key out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alerts.registry import CHANNEL_TYPES
from monitor.config import load
from monitor.config_examples import failing_examples
from monitor.config_schema import (
    AUTH,
    CHANNEL,
    DEFAULTS,
    FEED,
    LOG,
    RETRY,
    RULE,
    TOP,
    Keys,
    available,
)

ENVIRONMENT = {"SLACK_URL": "https://hooks.slack.com/services/T/B/x"}


@pytest.fixture
def guide(root: Path) -> str:
    return (root / "docs" / "configuration.md").read_text(encoding="utf-8")


def test_every_example_is_a_configuration_and_its_rules_examples_hold(
    guide: str, tmp_path: Path
) -> None:
    (tmp_path / "intranet").write_text("p4ss")
    (tmp_path / "siem").write_text("whsec_c2VjcmV0")
    blocks = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
    assert len(blocks) == 7
    for number, block in enumerate(blocks):
        directory = tmp_path / str(number)
        directory.mkdir()
        text = block.replace("/etc/wirewatch/credentials", str(tmp_path))
        (directory / "wirewatch.yaml").write_text(text, encoding="utf-8")
        config = load(directory, ENVIRONMENT)
        assert failing_examples(config) == ()


@pytest.mark.parametrize("keys", [TOP, FEED, AUTH, CHANNEL, RETRY, RULE, DEFAULTS, LOG])
def test_every_key_is_named(guide: str, keys: Keys) -> None:
    named = set(re.findall(r"(?:^|[`{ ])([a-z_]+)(?=[`:])", guide, re.MULTILINE))
    assert set(available(keys)) <= named


def test_every_channel_type_and_its_keys_are_named(guide: str) -> None:
    section = guide.partition("## Channels")[2].partition("\n## ")[0]
    for name, kind in CHANNEL_TYPES.items():
        (row,) = re.findall(rf"^\| `{name}` \|.*$", section, re.MULTILINE)
        for key, info in kind.settings().model_fields.items():
            assert f"`{info.alias or key}`" in row
