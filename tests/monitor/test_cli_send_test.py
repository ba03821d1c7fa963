"""`wirewatch send-test`: a word from each channel, in words that say what to mend."""

from __future__ import annotations

import json
from pathlib import Path

from rigs.command import run_here
from rigs.receiver import Receiver, never, status


def configured(folder: Path, channels: str) -> Path:
    file = folder / "wirewatch.yaml"
    file.write_text(
        "contact: desk@example.org\nallow_private: [127.0.0.1]\n"
        "feeds: {a: https://a.example/feed}\nrules: {x: pipa}\n"
        f"channels:\n{channels}defaults: {{send: [siem]}}\n"
    )
    return file


def test_each_channel_says_what_its_service_said_and_one_failure_is_a_no(tmp_path: Path) -> None:
    token = "1234:" + "x" * 35
    with Receiver() as good, Receiver() as bad:
        bad.script(status(400, '{"ok": false, "description": "Bad Request: chat not found"}'))
        config = configured(
            tmp_path,
            f"  siem: {{type: webhook, url: '{good.url}'}}\n"
            f"  desk: {{type: telegram, token: '{token}', chat: '-1', api: '{bad.origin}'}}\n"
            f"  off: {{type: discord, url: 'http://127.0.0.1:9/x', enabled: no}}\n",
        )
        done = run_here(["send-test", "-c", str(config)])
        assert done.out == (
            "siem (webhook): sent: 200\n"
            "desk (telegram): failed: Telegram: chat not found. "
            "Add the bot to the group, or use the numeric id\n"
        )
        assert done.code == 1
        [request] = good.requests
        assert request.json["type"] == "hit"
        assert request.json["data"]["item"]["title"].startswith("Test: ")
        assert not (tmp_path / "wirewatch.db").exists()


def test_one_channel_one_kind_and_one_severity_may_be_asked_for(tmp_path: Path) -> None:
    with Receiver() as receiver:
        config = configured(tmp_path, f"  siem: {{type: slack, url: '{receiver.url}'}}\n")
        done = run_here(["send-test", "-c", str(config), "siem", "--kind", "digest", "--json"])
        assert json.loads(done.out) == {
            "channel": "siem",
            "type": "slack",
            "sent": True,
            "answer": "200",
        }
        assert done.code == 0
        run_here(["send-test", "-c", str(config), "--severity", "critical"])
        first, second = (request.body.decode() for request in receiver.requests)
        assert "3 hits of send-test" in first
        assert "red_circle" in second


def test_an_unknown_channel_is_a_mistake_that_names_those_there_are(tmp_path: Path) -> None:
    config = configured(tmp_path, "  siem: {type: console}\n")
    done = run_here(["send-test", "-c", str(config), "desk"])
    assert (done.code, done.err) == (2, "no channel 'desk'; known are siem\n")


def test_a_service_that_says_nothing_is_given_up_after_the_channels_timeout(
    tmp_path: Path,
) -> None:
    with Receiver() as receiver:
        receiver.script(never())
        channel = f"  siem: {{type: webhook, url: '{receiver.url}', timeout: 1s}}\n"
        done = run_here(["send-test", "-c", str(configured(tmp_path, channel))])
    assert (done.code, done.out) == (1, "siem (webhook): failed: no answer within 1 s\n")
