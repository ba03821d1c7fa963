"""Alerts by Apprise: what it is given, what its no means, and what is asked of the guard."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
from pydantic import BaseModel, ValidationError
from rigs.made_alerts import HOSTILE, NOW, a_hit, an_alert, send, tools
from rigs.receiver import Receiver, status

from alerts import Receipt, TemporaryFailure, make, settings_model


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


def settings(receiver: Receiver) -> BaseModel:
    host = receiver.origin.removeprefix("http://")
    url = f"json://user:hush-password@{host}/hush-path"
    return settings_model("apprise").model_validate({"url": url})


def test_the_alert_arrives_as_title_and_plain_text(receiver: Receiver) -> None:
    receipt = send("apprise", settings(receiver), an_alert())
    assert receipt == Receipt("sent")
    [request] = receiver.accepted
    assert request.json["title"] == "Pertemuan Xi dan Putin di Beijing"
    assert request.json["message"].splitlines()[0] == (
        "[xi-putin] Pertemuan *Xi* dan *Putin* di Beijing"
    )
    assert "https://www.antaranews.com/berita/1/xi-putin?a=1&b=2" in request.json["message"]


@pytest.mark.parametrize("code", [400, 404, 429, 500, 302])
def test_a_no_is_tried_again_and_tells_apprises_words_without_secrets(
    code: int, receiver: Receiver
) -> None:
    receiver.script(status(code, location="http://127.0.0.1:1/"))
    with pytest.raises(TemporaryFailure) as failure:
        send("apprise", settings(receiver), an_alert())
    assert failure.value.reason.startswith("Apprise could not send it: ")
    assert f"error={code}" in failure.value.reason
    assert "hush" not in failure.value.reason
    assert len(receiver.requests) == 1  # and no redirect is followed


def test_a_private_address_is_dialled_by_the_guard_first(receiver: Receiver) -> None:
    async def refused(host: str, port: int) -> socket.socket:
        raise OSError(f"{host}:{port} is not a public address")

    async def run() -> None:
        async with tools() as lent:
            channel = make("apprise", "test", settings(receiver), replace(lent, dial=refused))
            await channel.send(an_alert(), NOW)

    with pytest.raises(TemporaryFailure, match=r"cannot connect to .* is not a public address$"):
        asyncio.run(run())
    assert receiver.requests == ()


def test_no_text_of_a_feed_mentions_or_links(receiver: Receiver) -> None:
    for text in HOSTILE.values():
        send("apprise", settings(receiver), an_alert(a_hit(text, source=text, author=text)))
    for request in receiver.accepted:
        said = request.json["title"] + request.json["message"]
        for sign in ("@everyone", "@here", "<!channel", "<@", "](https://evil", "<script", "\x00"):
            assert sign not in said
        assert len(request.json["message"]) <= 4_000


@pytest.mark.parametrize("url", ["", "nonsense://x", "https://", "json://", "pover://"])
def test_what_apprise_does_not_know_is_a_mistake_and_logged_nowhere(
    url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValidationError, match=r"not an Apprise URL; appriseit\.com lists"):
        settings_model("apprise").model_validate({"url": url})
    assert not logging.getLogger("apprise").propagate
    assert capfd.readouterr() == ("", "")


def test_where_apprise_is_absent_that_is_a_mistake_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ValidationError) as wrong:
        settings_model("apprise").model_validate({"url": "pover://user@token"})
    assert "needs Apprise, which is not installed; pip install 'wirewatch[apprise]'" in str(
        wrong.value
    )
