"""Channels are found by their kind, and imported only when one is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from alerts import CHANNEL_TYPES, settings_model


@pytest.mark.parametrize("kind", CHANNEL_TYPES)
def test_each_kind_has_frozen_settings_that_refuse_unknown_keys(kind: str) -> None:
    config = settings_model(kind).model_config
    assert config.get("frozen") is True
    assert config.get("extra") == "forbid"


def test_an_unknown_kind_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        settings_model("pager")


def test_importing_alerts_imports_no_channel_and_nothing_slow() -> None:
    slow = ["httpx", "pydantic", "aiosmtplib", "standardwebhooks", "alerts.webhook"]
    code = f"import sys, alerts; print([m for m in {slow} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
