"""The webhook channel: Standard Webhooks, verified with the specification's own library."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError
from rigs.made_alerts import AT, HOSTILE, NOW, a_digest, a_hit, an_alert, an_event, send
from rigs.receiver import Receiver, drop_in_the_middle, status, unending
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from alerts import Excerpt, PermanentFailure, Rule, Span, TemporaryFailure
from alerts.payload import payload_bytes
from alerts.webhook import Settings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


HOW = "expected whsec_ and base64, such as: echo whsec_$(openssl rand -base64 32)"


def settings(receiver: Receiver, secret: Any = SECRET) -> Settings:
    return Settings.model_validate({"url": receiver.url, "secret": secret})


def test_the_official_library_verifies_what_we_sign(receiver: Receiver) -> None:
    now = datetime.now(UTC)
    send("webhook", settings(receiver), an_alert(), now)
    (request,) = receiver.requests
    told = Verifier(SECRET).verify(request.body, dict(request.headers))
    assert told["type"] == "hit"
    with pytest.raises(WebhookVerificationError):
        Verifier(OLD_SECRET).verify(request.body, dict(request.headers))


def test_both_secrets_verify_while_one_replaces_the_other(receiver: Receiver) -> None:
    send("webhook", settings(receiver, [SECRET, OLD_SECRET]), an_alert(), datetime.now(UTC))
    (request,) = receiver.requests
    for secret in (SECRET, OLD_SECRET):
        Verifier(secret).verify(request.body, dict(request.headers))
    assert len((request.header("webhook-signature") or "").split(" ")) == 2


def test_the_signature_does_not_depend_on_the_zone_of_now(receiver: Receiver) -> None:
    jakarta = timezone(timedelta(hours=7))
    send("webhook", settings(receiver), an_alert(), datetime.now(jakarta))
    (request,) = receiver.requests
    Verifier(SECRET).verify(request.body, dict(request.headers))


def test_the_body_is_the_payload_in_utf_8_and_the_headers_name_the_delivery(
    receiver: Receiver,
) -> None:
    alert = an_alert(a_hit("习近平会见普京", spans=((0, 3, "习近平"), (5, 7, "普京"))))
    send("webhook", settings(receiver), alert)
    (request,) = receiver.requests
    assert request.method == "POST"
    assert "习近平会见普京".encode() in request.body
    assert request.json == alert.payload()
    assert request.header("content-type") == "application/json"
    assert request.header("webhook-id") == alert.id
    assert request.header("webhook-timestamp") == str(int(NOW.timestamp()))


def test_without_a_secret_nothing_is_signed(receiver: Receiver) -> None:
    send("webhook", Settings.model_validate({"url": receiver.url}), an_alert())
    (request,) = receiver.requests
    assert request.header("webhook-signature") is None
    assert request.header("webhook-id") == an_alert().id


@pytest.mark.parametrize("code", [200, 201, 202, 204])
def test_every_2xx_is_success(receiver: Receiver, code: int) -> None:
    receiver.script(status(code))
    assert send("webhook", settings(receiver), an_alert()).status == str(code)


def test_a_redirect_is_a_failure_and_is_not_followed(receiver: Receiver) -> None:
    receiver.script(status(302, location=f"{receiver.origin}/elsewhere"))
    with pytest.raises(TemporaryFailure) as failure:
        send("webhook", settings(receiver), an_alert())
    assert failure.value.reason == (
        f"{receiver.origin} answered 302, a redirect, which is not followed;"
        " put the address it leads to into url"
    )
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (400, "answered 400: it refused the alert as malformed (no)"),
        (401, "answered 401: it does not accept our credentials; check url and secret (no)"),
        (403, "answered 403: it forbids us to send; check url and secret (no)"),
        (404, "answered 404: it knows no such address; check url (no)"),
        (405, "answered 405: it takes no POST; check url (no)"),
        (413, "answered 413: it found the alert too large (no)"),
        (422, "answered 422: it refused the alert's content (no)"),
        (451, "answered 451: it refused the alert (no)"),
    ],
)
def test_a_refusal_is_permanent_and_says_what_to_check(
    receiver: Receiver, code: int, reason: str
) -> None:
    receiver.script(status(code, "<html><b>no</b></html>"))
    with pytest.raises(PermanentFailure) as failure:
        send("webhook", settings(receiver), an_alert())
    assert failure.value.reason == f"{receiver.origin} {reason}"
    assert failure.value.disables is (code == 401)


def test_410_stops_the_channel(receiver: Receiver) -> None:
    receiver.script(status(410))
    with pytest.raises(PermanentFailure) as failure:
        send("webhook", settings(receiver), an_alert())
    assert failure.value.disables
    assert failure.value.reason == f"{receiver.origin} answered 410: the address is gone for good"


@pytest.mark.parametrize("code", [429, 502, 503, 504])
@pytest.mark.parametrize("value", ["120", "Sun, 22 Nov 2026 19:48:30 GMT"])
def test_a_request_for_silence_blocks_the_channel_until_then(
    receiver: Receiver, code: int, value: str
) -> None:
    receiver.script(status(code, retry_after=value))
    with pytest.raises(TemporaryFailure) as failure:
        send("webhook", settings(receiver), an_alert())
    assert failure.value.blocks
    assert failure.value.retry_at == NOW + timedelta(minutes=2)


def test_only_64_kb_of_an_answer_are_read(receiver: Receiver) -> None:
    receiver.script(status(400, "a" * 3_000_000))
    with pytest.raises(PermanentFailure) as failure:
        send("webhook", settings(receiver), an_alert())
    assert len(failure.value.reason) < 300


def test_an_answer_that_breaks_off_after_its_status_counts(receiver: Receiver) -> None:
    receiver.script(drop_in_the_middle())
    assert send("webhook", settings(receiver), an_alert()).status == "200"


def test_an_answer_whose_body_never_ends_counts(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerts.http.LONGEST_READ", 0.1)
    receiver.script(unending())
    assert send("webhook", settings(receiver), an_alert()).status == "200"


def test_what_a_service_answers_never_brings_the_address_into_the_log(receiver: Receiver) -> None:
    receiver.script(status(400, f"cannot POST {receiver.url} (/hook/T0/B0/secret-in-the-path)"))
    with pytest.raises(PermanentFailure) as failure:
        send("webhook", settings(receiver), an_alert())
    assert "secret-in-the-path" not in failure.value.reason


def test_the_settings_never_show_their_secrets() -> None:
    made = Settings.model_validate({"url": "https://hook.example/token-1", "secret": SECRET})
    assert "token-1" not in repr(made) + str(made)
    assert SECRET not in repr(made) + str(made)
    assert "MfKQ" not in repr(made) + str(made)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"url": "ftp://example.org"}, "not an address; expected https://host/path"),
        ({"url": "https:///path"}, "not an address; expected https://host/path"),
        ({"url": "https://host:99999/"}, "not an address; expected https://host/path"),
        (
            {"url": "https://host/a b"},
            "an address cannot hold spaces, < > { } or letters beyond ASCII; copy it again",
        ),
        (
            {"url": "https://host/", "secret": "not base64!"},
            f"not a webhook secret; {HOW}",
        ),
        (
            {"url": "https://host/", "secret": ["whsec_"]},
            f"an empty webhook secret; {HOW}",
        ),
        ({}, "Field required"),
        ({"url": "https://host/", "method": "PUT"}, "Extra inputs are not permitted"),
    ],
)
def test_a_mistake_in_the_settings_says_what_to_write(raw: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as failure:
        Settings.model_validate(raw)
    (error,) = failure.value.errors()
    assert error["msg"].removeprefix("Value error, ") == message
    assert "input_value" not in str(failure.value)


@pytest.mark.parametrize("title", HOSTILE.values(), ids=HOSTILE)
def test_a_payload_stays_under_20_kb_and_valid_whatever_the_title(title: str) -> None:
    body = payload_bytes(an_alert(a_hit(title, summary=title, source=title, author=title)))
    assert len(body) < 20_000
    told = json.loads(body.decode("utf-8"))
    assert told["data"]["item"]["url"] == "https://www.antaranews.com/berita/1/xi-putin?a=1&b=2"


def test_the_largest_alert_anyone_could_make_fits() -> None:
    worst = "\x00" * 4_500
    spans = tuple((n, n + 1, worst) for n in range(1_200))
    excerpt = Excerpt("content", worst, tuple(Span("content", n, n + 1, worst) for n in range(500)))
    hit = a_hit(
        worst,
        spans=spans,
        summary=worst,
        excerpts=(excerpt,) * 50,
        rule=Rule(worst, "high", (worst,) * 500),
        url="https://example.org/" + "é" * 1_900,
        feed=worst,
        source=worst,
        author=worst,
        lang=worst,
    )
    assert len(payload_bytes(an_alert(hit))) < 20_000


def test_spans_beyond_the_cut_and_of_texts_not_sent_are_left_out() -> None:
    hit = a_hit("x" * 3_999 + "Xi and Xi", spans=((3_999, 4_001, "Xi"), (0, 1, "x")))
    content = Span("content", 5, 7, "Xi")
    match = hit.match
    hit = type(hit)(
        hit.id,
        hit.rule,
        hit.item,
        type(match)(match.terms, (*match.spans, content), ()),
        hit.story,
    )
    told = json.loads(payload_bytes(an_alert(hit)))["data"]
    assert len(told["item"]["title"]) == 4_000
    assert told["match"]["spans"] == [{"field": "title", "start": 0, "end": 1, "term": "x"}]


def test_a_cut_summary_says_so() -> None:
    told = json.loads(payload_bytes(an_alert(a_hit(summary="s" * 5_000))))["data"]["item"]
    assert (len(told["summary"]), told["summary_cut"]) == (4_000, True)
    told = json.loads(payload_bytes(an_alert(a_hit(summary="s" * 4_000))))["data"]["item"]
    assert (len(told["summary"]), told["summary_cut"]) == (4_000, False)


def test_a_digest_sends_the_hits_that_fit_and_counts_the_others() -> None:
    body = payload_bytes(an_alert(a_digest(count=200, more=7, title="习近平会见普京" * 40)))
    told = json.loads(body)["data"]
    assert 15_000 < len(body) < 20_000
    assert told["count"] == 207 == len(told["hits"]) + told["more"]
    assert [hit["id"] for hit in told["hits"]] == [f"hit-{n}" for n in range(len(told["hits"]))]
    assert len(told["hits"]) > 3


def test_a_digest_whose_hits_are_huge_still_goes_out() -> None:
    body = payload_bytes(an_alert(a_digest(count=3, more=0, title="\x00" * 100_000)))
    told = json.loads(body)["data"]
    assert len(body) < 20_000
    assert len(told["hits"]) + told["more"] == 3


def test_an_event_goes_out_as_type_event(receiver: Receiver) -> None:
    send("webhook", settings(receiver), an_alert(an_event()))
    (request,) = receiver.requests
    assert request.json == {
        "type": "event",
        "timestamp": AT.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "data": {
            "event": "feed_broken",
            "subject": "bbc-world",
            "message": "feeds.bbci.co.uk has answered 503 for 24 hours;"
            " see: wirewatch feeds bbc-world",
        },
    }
