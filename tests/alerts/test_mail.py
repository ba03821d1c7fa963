"""The mail channel: what is written, how it is secured, and what each answer means."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from rigs.made_alerts import AT, HOSTILE, NOW, a_digest, a_hit, an_alert, an_event, send, tools
from rigs.mailbox import DROP_AFTER, DROP_BEFORE, Mailbox, MailTls

from alerts import (
    Alert,
    Digest,
    Event,
    Excerpt,
    Hit,
    PermanentFailure,
    Rule,
    Span,
    Story,
    TemporaryFailure,
    make,
)
from alerts.mail import Settings, server_of
from alerts.mail_message import compose, html
from alerts.message import message_of

Failure = TemporaryFailure | PermanentFailure


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as made:
        yield made


def settings(mailbox: Mailbox, scheme: str = "smtp", **more: Any) -> Settings:
    return Settings.model_validate(
        {
            "to": ["desk@example.org"],
            "from": "Wirewatch <wirewatch@news.example.org>",
            "smtp": f"{scheme}://{more.pop('login', '')}{mailbox.host}:{mailbox.port}",
            **more,
        }
    )


def failed(made: Settings, alert: Alert | None = None) -> Failure:
    with pytest.raises((TemporaryFailure, PermanentFailure)) as failure:
        send("mail", made, alert or an_alert())
    error = failure.value
    assert isinstance(error, TemporaryFailure | PermanentFailure)
    return error


# What is written


def test_a_hit_arrives_with_its_words_marked_in_text_and_html(mailbox: Mailbox) -> None:
    excerpt = Excerpt("content", "…pidato Putin di balai…", (Span("content", 8, 13, "Putin"),))
    assert send("mail", settings(mailbox), an_alert(a_hit(excerpts=(excerpt,)))).status == "250"
    (mail,) = mailbox.mails
    assert mail.message["Subject"] == "[xi-putin] Pertemuan Xi dan Putin di Beijing"
    assert mail.part("plain").splitlines() == [
        "[xi-putin] Pertemuan *Xi* dan *Putin* di Beijing",
        "  ANTARA · 2026-11-22 19:40 UTC · id",
        "  …pidato *Putin* di balai…",
        "  https://www.antaranews.com/berita/1/xi-putin?a=1&b=2",
        "  matched: Xi, Putin",
        "  author: A. Wartawan",
        "  why: wirewatch why hit-1",
    ]
    page = mail.part("html")
    link = "https://www.antaranews.com/berita/1/xi-putin?a=1&amp;b=2"
    assert (
        f'<h1 dir="auto"><a href="{link}">Pertemuan <mark>Xi</mark> dan <mark>Putin</mark>'
        " di Beijing</a></h1>"
    ) in page
    assert f'<bdi>ANTARA</bdi> · <a href="{link}">www.antaranews.com</a> · 2026-11-22' in page
    assert '<blockquote dir="auto">…pidato <mark>Putin</mark> di balai…</blockquote>' in page
    assert '<meta name="color-scheme" content="light dark">' in page


def test_the_headers_identify_the_alert_and_thread_its_rule(mailbox: Mailbox) -> None:
    send("mail", settings(mailbox), an_alert())
    send("mail", settings(mailbox), an_alert(a_digest()))
    send("mail", settings(mailbox), an_alert(a_hit(rule=Rule("other", "critical"))))
    first, second, other = (mail.message for mail in mailbox.mails)
    assert first["Message-ID"] == "<0199-delivery-1@news.example.org>"
    assert parsedate_to_datetime(first["Date"]).astimezone(UTC) == AT
    assert first["From"] == "Wirewatch <wirewatch@news.example.org>"
    assert first["To"] == "desk@example.org"
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["X-Auto-Response-Suppress"] == "All"
    assert first["List-Id"] == "<xi-putin.wirewatch.news.example.org>"
    assert re.fullmatch(r"<rule-[0-9a-f]{16}\.wirewatch@news\.example\.org>", first["References"])
    assert first["References"] == second["References"] != other["References"]
    assert (first["Importance"], other["Importance"]) == (None, "high")
    assert other["Subject"] == "[other critical] Pertemuan Xi dan Putin di Beijing"


def test_a_repeat_is_the_same_mail_to_the_letter(mailbox: Mailbox) -> None:
    mailbox.script("data", DROP_AFTER)
    assert isinstance(failed(settings(mailbox)), TemporaryFailure)
    send("mail", settings(mailbox), an_alert())
    first, second = mailbox.mails
    assert first.message["Message-ID"] == second.message["Message-ID"]
    assert first.part("plain") == second.part("plain")
    without_boundary = [re.sub(rb"=====+\d+==", b"", mail.raw) for mail in (first, second)]
    assert without_boundary[0] == without_boundary[1]


def test_a_digest_lists_its_hits(mailbox: Mailbox) -> None:
    send("mail", settings(mailbox), an_alert(a_digest(count=12, more=37)))
    (mail,) = mailbox.mails
    assert mail.message["Subject"] == "[xi-putin] 49 hits of xi-putin"
    assert mail.part("html").count("<h2") == 10
    assert "<p>and 39 more</p>" in mail.part("html")
    assert mail.part("plain").splitlines()[-2:] == [
        "  and 39 more",
        "  all: wirewatch hits --rule xi-putin",
    ]


def test_an_event_says_what_to_do(mailbox: Mailbox) -> None:
    send("mail", settings(mailbox), an_alert(an_event()))
    (mail,) = mailbox.mails
    assert mail.message["Subject"] == "[wirewatch] Feed broken: bbc-world"
    assert mail.message["List-Id"] == "<events.wirewatch.news.example.org>"
    assert "see: wirewatch feeds bbc-world" in mail.part("html")


def test_a_rule_whose_name_fits_no_header_still_has_a_list_id() -> None:
    alert = an_alert(a_hit(rule=Rule("Питон & <Ко>\r\nBcc: x")))
    mail = compose(alert, *_addresses())
    assert re.fullmatch(r"<r-[0-9a-f]{16}\.wirewatch\.example\.org>", mail["List-Id"])
    assert mail["Bcc"] is None


def _addresses() -> tuple[Any, tuple[Any, ...]]:
    from alerts.mail import address_of

    return address_of("w@example.org"), (address_of("Bücher & Co <d@bücher.example>"),)


@pytest.mark.parametrize("title", HOSTILE.values(), ids=HOSTILE)
def test_no_title_injects_headers_breaks_lines_or_runs_in_html(
    title: str, mailbox: Mailbox
) -> None:
    hit = a_hit(title, spans=(), summary=title, source=title, author=title, lang=title)
    send("mail", settings(mailbox), an_alert(hit))
    (mail,) = mailbox.mails
    assert mail.recipients == ("desk@example.org",)
    assert set(mail.message.keys()) <= {
        *("From", "To", "Subject", "Date", "Message-ID", "List-Id", "In-Reply-To", "References"),
        *("Auto-Submitted", "X-Auto-Response-Suppress", "MIME-Version", "Content-Type"),
        *("X-Peer", "X-MailFrom", "X-RcptTo"),
    }
    assert max(map(len, mail.raw.split(b"\r\n"))) <= 998
    assert mail.raw.isascii()
    page = mail.part("html")
    assert "<script" not in page
    assert "<img" not in page
    assert set(re.findall(r'href="([^"]*)"', page)) == {
        "https://www.antaranews.com/berita/1/xi-putin?a=1&amp;b=2"
    }
    assert not re.search("[\x00\x1b\u202e\u200b\ufeff\u2028]", page + mail.part("plain"))
    assert len(mail.message["Subject"]) <= 240


def test_what_a_title_looks_like_as_an_encoded_word_is_not_decoded(mailbox: Mailbox) -> None:
    send("mail", settings(mailbox), an_alert(a_hit("=?utf-8?q?=0D=0ABcc:_x?=", spans=())))
    (mail,) = mailbox.mails
    assert mail.message["Subject"] == "[xi-putin] = ?utf-8?q?=0D=0ABcc:_x?="


def test_html_is_escaped_everywhere() -> None:
    evil = "<b>\"&'"
    hit = a_hit(evil, spans=((0, 3, evil),), summary=evil, source=evil, author=evil, lang=evil)
    page = html(message_of(an_alert(a_hit(evil, spans=(), rule=Rule(evil)))))
    page += html(message_of(an_alert(hit)))
    assert "<b>" not in page
    assert "<mark>&lt;b&gt;</mark>" in page


@pytest.mark.parametrize("name", ["hit", "digest", "event"])
def test_the_html_changes_only_on_purpose(name: str) -> None:
    """After a change, look at the page in a browser, then store it: WIREWATCH_GOLDEN=1."""
    rtl = a_hit(
        "بوتين يلتقي شي في بكين",
        spans=((0, 5, "بوتين"), (12, 14, "شي")),
        excerpts=(Excerpt("content", "…خط الأنابيب…", (Span("content", 1, 3, "خط"),)),),
        url="https://news.example/ar/1",
        source="وكالة (مثال)",
        lang="ar",
        rule=Rule("xi-putin", "critical"),
        story=Story("story-1", 5),
    )
    bodies: dict[str, Hit | Digest | Event] = {
        "hit": rtl,
        "digest": a_digest(count=2, more=37),
        "event": an_event(),
    }
    stored = Path(__file__).parent / "golden" / f"mail-{name}.html"
    page = html(message_of(an_alert(bodies[name])))
    if os.environ.get("WIREWATCH_GOLDEN"):
        stored.write_text(page, encoding="utf-8")
    assert page == stored.read_text(encoding="utf-8")


# How it is secured


def test_starttls_is_used_and_the_certificate_checked(tmp_path: Path) -> None:
    tls = MailTls()
    with Mailbox(tls) as mailbox:
        made = settings(mailbox, "smtp+starttls", ca=_ca(tls, tmp_path))
        send("mail", made, an_alert())
        (mail,) = mailbox.mails
    assert mail.encrypted


def test_smtps_speaks_tls_from_the_start_and_logs_in(tmp_path: Path) -> None:
    tls = MailTls(implicit=True)
    with Mailbox(tls, auth=("desk@example.org", "p@ss/w:rd%41")) as mailbox:
        login = "desk%40example.org:p%40ss%2Fw%3Ard%2541@"
        send("mail", settings(mailbox, "smtps", ca=_ca(tls, tmp_path), login=login), an_alert())
        (mail,) = mailbox.mails
    assert mail.encrypted
    assert mail.user == "desk@example.org"


def _ca(tls: MailTls, folder: Path) -> Path:
    path = folder / "ca.pem"
    path.write_bytes(tls.ca)
    return path


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_an_untrusted_certificate_is_a_failure_and_nothing_is_sent(scheme: str) -> None:
    with Mailbox(MailTls(implicit=scheme == "smtps")) as mailbox:
        failure = failed(settings(mailbox, scheme))
        assert mailbox.mails == ()
    assert isinstance(failure, TemporaryFailure)
    assert failure.reason.startswith(
        f"the certificate of 127.0.0.1:{mailbox.port} is not trusted (unable to get local issuer"
    )
    assert failure.reason.endswith("mend it there, or name its authority's file under ca")


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_certificate_of_another_host_is_a_failure(scheme: str, tmp_path: Path) -> None:
    tls = MailTls("mail.example.org", implicit=scheme == "smtps")
    with Mailbox(tls) as mailbox:
        failure = failed(settings(mailbox, scheme, ca=_ca(tls, tmp_path)))
        assert mailbox.mails == ()
    assert "IP address mismatch" in failure.reason


def test_a_server_that_offers_no_starttls_gets_nothing_in_clear(mailbox: Mailbox) -> None:
    failure = failed(settings(mailbox, "smtp+starttls"))
    assert isinstance(failure, TemporaryFailure)
    assert failure.reason == (
        f"127.0.0.1:{mailbox.port} offers no STARTTLS, so nothing was sent;"
        " if it speaks TLS from the start, write smtps://"
    )
    assert mailbox.mails == ()


def test_tls_to_a_server_that_speaks_in_clear_says_what_to_check(mailbox: Mailbox) -> None:
    failure = failed(settings(mailbox, "smtps"))
    assert isinstance(failure, TemporaryFailure)
    assert failure.reason.startswith(f"no TLS with 127.0.0.1:{mailbox.port} (")
    assert failure.reason.endswith("; check whether it is smtps:// or smtp://")


def test_what_is_slipped_in_before_starttls_is_not_taken_for_the_servers_word() -> None:
    answers = {
        "": b"220 mail.test\r\n",
        "EHLO": b"250-mail.test\r\n250 STARTTLS\r\n",
        "STARTTLS": b"220 go\r\n250 injected\r\n",
    }
    with _raw_server(answers) as (port, said):
        made = Settings.model_validate(
            {
                "to": "desk@example.org",
                "from": "w@example.org",
                "smtp": f"smtp+starttls://user:secret@127.0.0.1:{port}",
            }
        )
        failed(made)
    assert [line.split()[0] for line in said if line.isascii()][:2] == ["EHLO", "STARTTLS"]
    assert not any("secret" in line or "MAIL" in line for line in said)


@contextmanager
def _raw_server(answers: dict[str, bytes]) -> Iterator[tuple[int, list[str]]]:
    """One conversation by a table of answers; what it does not know ends it."""
    said: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def converse() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as stream:
            connection.settimeout(10)
            connection.sendall(answers[""])
            while line := stream.readline(2_000).decode("latin-1").strip():
                said.append(line)
                if line.split()[0] not in answers:
                    return
                connection.sendall(answers[line.split()[0]])

    thread = threading.Thread(target=converse, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], said
    finally:
        listener.close()
        thread.join(10)


# What each answer means


@pytest.mark.parametrize("stage", ["connect", "mail", "rcpt", "data"])
@pytest.mark.parametrize("reply", ["451 4.7.1 later", "421 4.3.2 closing"])
def test_a_4yz_answer_at_any_stage_is_temporary(mailbox: Mailbox, stage: str, reply: str) -> None:
    mailbox.script(stage, reply)
    failure = failed(settings(mailbox))
    assert isinstance(failure, TemporaryFailure)
    assert reply in failure.reason
    assert mailbox.mails == ()
    send("mail", settings(mailbox), an_alert())
    assert len(mailbox.mails) == 1


@pytest.mark.parametrize(
    ("stage", "reply", "reason"),
    [
        ("connect", "554 5.7.1 blocked", "refused the mail (554 5.7.1 blocked)"),
        ("mail", "550 5.7.1 not you", "refused the mail (550 5.7.1 not you)"),
        ("rcpt", "550 5.1.1 no such user", "refused desk@example.org (550 5.1.1 no such user)"),
        ("data", "554 5.6.0 spam", "refused the mail (554 5.6.0 spam)"),
    ],
)
def test_a_5yz_answer_at_any_stage_is_permanent(
    mailbox: Mailbox, stage: str, reply: str, reason: str
) -> None:
    mailbox.script(stage, reply)
    failure = failed(settings(mailbox))
    assert isinstance(failure, PermanentFailure)
    assert failure.reason == f"127.0.0.1:{mailbox.port} {reason}"
    assert not failure.disables


@pytest.mark.parametrize("stage", ["connect", "ehlo", "mail", "rcpt", "data"])
def test_a_dropped_connection_at_any_stage_is_temporary(mailbox: Mailbox, stage: str) -> None:
    mailbox.script(stage, DROP_BEFORE)
    assert isinstance(failed(settings(mailbox)), TemporaryFailure)
    assert mailbox.mails == ()


def test_a_connection_lost_after_data_says_that_the_mail_may_have_arrived(
    mailbox: Mailbox,
) -> None:
    mailbox.script("data", DROP_AFTER)
    failure = failed(settings(mailbox))
    assert isinstance(failure, TemporaryFailure)
    assert failure.reason == (
        f"127.0.0.1:{mailbox.port} ended the connection without saying whether it took the mail;"
        " it is sent again with the same Message-ID"
    )


def test_a_refused_login_stops_the_channel(tmp_path: Path) -> None:
    tls = MailTls(implicit=True)
    with Mailbox(tls, auth=("desk", "right")) as mailbox:
        failure = failed(settings(mailbox, "smtps", ca=_ca(tls, tmp_path), login="desk:wrong@"))
    assert isinstance(failure, PermanentFailure)
    assert failure.disables
    assert failure.reason == (
        f"127.0.0.1:{mailbox.port} refuses the login"
        " (535 5.7.8 Authentication credentials invalid); check user and password in smtp"
    )


def test_a_server_without_logins_stops_a_channel_that_has_one(mailbox: Mailbox) -> None:
    failure = failed(settings(mailbox, login="desk:secret@"))
    assert isinstance(failure, PermanentFailure)
    assert failure.disables
    assert failure.reason == (
        f"127.0.0.1:{mailbox.port} takes no login here; check the port in smtp,"
        " or leave out user and password"
    )


def several(mailbox: Mailbox) -> Settings:
    return settings(mailbox, to=["a@example.org", "b@example.org", "c@example.org"])


def test_one_refused_recipient_does_not_keep_the_mail_from_the_others(mailbox: Mailbox) -> None:
    mailbox.refuse("b@example.org", "550 5.1.1 no such user")
    failure = failed(several(mailbox))
    (mail,) = mailbox.mails
    assert mail.recipients == ("a@example.org", "c@example.org")
    assert isinstance(failure, PermanentFailure)
    assert failure.reason == (
        f"127.0.0.1:{mailbox.port} refused b@example.org (550 5.1.1 no such user);"
        " it took the mail for a@example.org, c@example.org"
    )


def test_a_retry_goes_only_to_the_recipients_that_were_put_off(mailbox: Mailbox) -> None:
    mailbox.refuse("b@example.org", "451 4.2.2 full")
    failures = []

    async def twice() -> None:
        async with tools() as lent:
            channel = make("mail", "desk", several(mailbox), lent)
            alert = an_alert()
            for _ in range(2):
                try:
                    await channel.send(alert, NOW)
                except TemporaryFailure as failure:
                    failures.append(failure.reason)
                    alert = replace(alert, done=frozenset(failure.done))
            mailbox.refuse("b@example.org", "")
            await channel.send(alert, NOW)
            await channel.send(an_alert(), NOW)  # by hand, later: everyone again

    asyncio.run(twice())
    assert [mail.recipients for mail in mailbox.mails] == [
        ("a@example.org", "c@example.org"),
        ("b@example.org",),
        ("a@example.org", "b@example.org", "c@example.org"),
    ]
    assert len({mail.message["Message-ID"] for mail in mailbox.mails}) == 1
    assert (
        failures
        == [
            (
                f"127.0.0.1:{mailbox.port} refused b@example.org (451 4.2.2 full);"
                " it took the mail for a@example.org, c@example.org"
            )
        ]
        * 2
    )


def test_an_answer_with_control_characters_is_told_on_one_clean_line(mailbox: Mailbox) -> None:
    mailbox.script("mail", "550-no\r\n550 \x1b[31mred\x00")
    assert failed(settings(mailbox)).reason == (
        f"127.0.0.1:{mailbox.port} refused the mail (550 no [31mred)"
    )


# The settings


@pytest.mark.parametrize(
    ("url", "host", "port", "security"),
    [
        ("smtps://mail.example.org", "mail.example.org", 465, "tls"),
        ("smtps://mail.example.org:4650", "mail.example.org", 4650, "tls"),
        ("smtp://mail.example.org", "mail.example.org", 587, "starttls"),
        ("smtp://mail.example.org:25", "mail.example.org", 25, "starttls"),
        ("smtp://localhost", "localhost", 25, "clear"),
        ("smtp://127.0.0.2:2525", "127.0.0.2", 2525, "clear"),
        ("smtp://[::1]", "::1", 25, "clear"),
        ("smtp+starttls://localhost", "localhost", 587, "starttls"),
        ("smtp+clear://relay.example.org", "relay.example.org", 25, "clear"),
    ],
)
def test_the_address_of_a_server_says_how_it_is_secured(
    url: str, host: str, port: int, security: str
) -> None:
    made = server_of(url)
    assert (made.host, made.port, made.security) == (host, port, security)


FORM = "expected smtps://user:password@host or smtp://host:587"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"smtp": "mail.example.org"},
            f"a mail server's address begins with smtps:// or smtp://; {FORM}",
        ),
        (
            {"smtp": "https://mail.example.org"},
            f"a mail server's address begins with smtps:// or smtp://; {FORM}",
        ),
        ({"smtp": "smtps://"}, f"not a mail server's address; {FORM}"),
        ({"smtp": "smtps://host/path"}, f"not a mail server's address; {FORM}"),
        ({"smtp": "smtps://host:x"}, f"not a mail server's address; {FORM}"),
        (
            {"smtp": "smtp+clear://user:pw@relay.example.org"},
            "a password is only ever sent over TLS; write smtps:// or smtp://",
        ),
        ({"to": "desk"}, "'desk' is not a mail address; expected name@example.org"),
        (
            {"to": "a@example.org\r\nBcc: b@example.org"},
            "'a@example.org Bcc: b@example.org' is not a mail address; expected name@example.org",
        ),
        (
            {"from": "grüße@example.org"},
            "'grüße@example.org' is not a mail address; expected name@example.org",
        ),
        ({"ca": "our-ca.pem"}, "write the whole path, from / on"),
        ({"ca": "/nonexistent.pem"}, "cannot read certificates from /nonexistent.pem"),
    ],
)
def test_a_mistake_in_the_settings_says_what_to_write(change: dict[str, Any], message: str) -> None:
    good = {"to": "d@example.org", "from": "w@example.org", "smtp": "smtps://u:secret@host"}
    with pytest.raises(ValidationError) as failure:
        Settings.model_validate({**good, **change})
    (error,) = failure.value.errors()
    assert error["msg"].removeprefix("Value error, ") == message


def test_at_least_one_recipient_is_needed() -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        Settings.model_validate({"to": [], "from": "w@example.org", "smtp": "smtps://host"})


def test_the_settings_never_show_the_password() -> None:
    raw = {"to": "d@example.org", "from": "w@example.org", "smtp": "smtps://u:hunter2@host"}
    made = Settings.model_validate(raw)
    assert "hunter2" not in repr(made) + str(made)


def test_no_socket_is_left_open_whatever_happens(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[socket.socket] = []
    scripts: list[Callable[[], None]] = [
        lambda: None,
        lambda: mailbox.script("connect", "554 no"),
        lambda: mailbox.script("data", DROP_AFTER),
    ]

    async def each() -> None:
        async with tools() as lent:

            async def dial(host: str, port: int) -> socket.socket:
                opened.append(await lent.dial(host, port))
                return opened[-1]

            channel = make("mail", "x", settings(mailbox), type(lent)(lent.http, dial, lent.write))
            for script in scripts:
                script()
                await asyncio.gather(channel.send(an_alert(), NOW), return_exceptions=True)

    asyncio.run(each())
    assert len(opened) == 3
    assert all(sock.fileno() == -1 for sock in opened)
