"""Secrets: where they come from, what is said when they are absent, and what is kept quiet."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rigs.configured import Configured

from monitor.config import require_startable
from monitor.config_values import WrongValueError
from monitor.secrets import Secrets
from rules import RuleErrors

SECRET = "whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQgMTIz"


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configured:
    """A configuration directory called ``etc`` in the current directory."""
    monkeypatch.chdir(tmp_path)
    Path("etc").mkdir()
    return Configured(Path("etc"))


def test_a_secret_comes_from_the_environment_a_file_or_a_credential(tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "smtp").write_text("c\n")
    (tmp_path / "file").write_text("f\r\n")
    environment = {"X": "e", "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    secrets = Secrets(environment, tmp_path)
    text = f"${{env:X}} ${{file:{tmp_path}/file}} ${{file:file}} ${{credential:smtp}}."
    assert secrets.resolve(text).text == "e f f c."
    assert secrets.resolve(text).values == ("e", "f", "f", "c")


def test_a_text_without_secrets_stays(tmp_path: Path) -> None:
    assert Secrets({}, tmp_path).resolve("a $b {c}").text == "a $b {c}"


@pytest.mark.parametrize(
    ("text", "resolved"),
    [
        ("smtps://me:${env:X}@x.org", "smtps://me:p%40s%2Fs%3A@x.org"),
        ("smtps://${env:X}:a@x.org", "smtps://p%40s%2Fs%3A:a@x.org"),
        ("https://x.org/${env:X}", "https://x.org/p@s/s:"),
        ("https://x.org/?t=${env:X}&a=b@c", "https://x.org/?t=p@s/s:&a=b@c"),
        ("${env:X}", "p@s/s:"),
        ("Bearer ${env:X}", "Bearer p@s/s:"),
    ],
)
def test_a_password_in_a_url_may_hold_any_sign(tmp_path: Path, text: str, resolved: str) -> None:
    found = Secrets({"X": "p@s/s:"}, tmp_path).resolve(text)
    assert found.text == resolved
    assert "p@s/s:" in found.values


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "a ${env:GONE}",
            "the environment variable GONE is not set",
            "set it, or write ${file:/path}",
        ),
        ("a ${env:EMPTY}", "the secret ${env:EMPTY} is empty", ""),
        ("a ${file:/gone}", "the secret file /gone cannot be read: No such file or directory", ""),
        ("a ${file:.}", "the secret file . cannot be read: Is a directory", ""),
        ("a ${file:pipe}", "the secret file pipe cannot be read: Not a regular file", ""),
        ("a ${file:big}", "the secret file big cannot be read: it is bigger than 64 kB", ""),
        ("a ${file:binary}", "the secret file binary cannot be read: it is not UTF-8", ""),
        ("a ${file:nul}", "the secret file nul cannot be read: it holds a NUL", ""),
        (
            "a ${credential:gone}",
            "the service has no credential 'gone'",
            "add LoadCredential=gone:/path to the unit",
        ),
        ("a ${credential:../x}", "'../x' is not the name of a credential", ""),
        (
            "a ${X}",
            "'${X}' is not a secret",
            "write ${env:NAME}, ${file:/path}, ${credential:name}",
        ),
        (
            "a ${envv:X}",
            "'${envv:X}' is not a secret",
            "write ${env:NAME}, ${file:/path}, ${credential:name}",
        ),
        (
            "a ${env:X",
            "'${env:X' is not a secret",
            "write ${env:NAME}, ${file:/path}, ${credential:name}",
        ),
    ],
)
def test_a_secret_that_cannot_be_had_says_why(
    tmp_path: Path, text: str, message: str, hint: str
) -> None:
    (tmp_path / "big").write_text("x" * 70_000)
    (tmp_path / "binary").write_bytes(b"\xff")
    (tmp_path / "nul").write_text("a\0b")
    os.mkfifo(tmp_path / "pipe")
    secrets = Secrets({"EMPTY": "", "X": "x", "INVOCATION_ID": "1"}, tmp_path)
    with pytest.raises(WrongValueError) as caught:
        secrets.resolve(text)
    assert (caught.value.message, caught.value.hint) == (message, hint)
    assert caught.value.offset == 2


def test_a_missing_secret_of_a_channel_is_told_at_its_place_and_nothing_else(
    etc: Configured,
) -> None:
    etc.write('channels:\n  a: {type: webhook, url: "https://x.org/${env:GONE}"}\n')
    assert etc.mistakes() == [
        (
            "wirewatch.yaml:2:42: the environment variable GONE is not set;"
            " set it, or write ${file:/path}"
        )
    ]


def test_secrets_are_put_in_everywhere_and_remembered_for_the_log(etc: Configured) -> None:
    etc.environment = {"T": "t0ken", "P": "p4ss word", "U": "https://x.org/services/T/B/0123456789"}
    etc.write(
        """
        contact: a@b.org
        feeds:
          a:
            url: "https://x.org/rss?t=${env:T}"
            headers: {X-Key: "k ${env:T}"}
            auth: {user: me, password: "${env:P}"}
        channels:
          hook: {type: webhook, url: "${env:U}"}
          desk:
            type: mail
            to: [a@b.org]
            from: a@b.org
            smtp: "smtps://me:${env:P}@x.org"
        """
    )
    config = etc.load()
    feed = config.feeds["a"]
    assert feed.url == "https://x.org/rss?t=t0ken"
    assert feed.headers == {"X-Key": "k t0ken"}
    assert feed.auth == ("me", "p4ss word")
    smtp = config.channels["desk"].settings.smtp.get_secret_value()
    assert smtp == "smtps://me:p4ss%20word@x.org"
    assert {
        "t0ken",
        "p4ss word",
        "p4ss%20word",
        "https://x.org/services/T/B/0123456789",
        "/services/T/B/0123456789",
        "smtps://me:p4ss%20word@x.org",
    } <= config.secrets


def test_passwords_written_out_are_remembered_for_the_log_too(etc: Configured) -> None:
    etc.write(
        """
        feeds:
          a: {url: https://x.org/rss, auth: {user: me, password: p4ss}, headers: {X-Key: k3y}}
        channels:
          desk: {type: mail, to: a@b.org, from: a@b.org, smtp: "smtps://me:s3cret@x.org"}
        """
    )
    assert {"p4ss", "k3y", "s3cret"} <= etc.load().secrets


def test_the_address_of_a_server_alone_is_no_secret_as_a_log_would_not_say_who_answered(
    etc: Configured,
) -> None:
    etc.write(
        """
        channels:
          room: {type: matrix, homeserver: "https://chat.example", token: t0ken-1, room: "!a:b.org"}
          bot: {type: telegram, token: "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11", chat: 1}
        """
    )
    assert etc.load().secrets == {"t0ken-1", "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11"}


def test_no_secret_shows_in_what_is_printed_of_a_configuration(etc: Configured) -> None:
    etc.environment = {"P": "hush-hush"}
    etc.write(
        """
        feeds:
          a: {url: "https://x.org/${env:P}", auth: {user: u, password: "${env:P}"}}
        channels:
          a: {type: webhook, url: "https://x.org/${env:P}"}
        """
    )
    assert "hush-hush" not in repr(etc.load().channels)


@pytest.mark.parametrize(
    "line",
    [
        'feeds: {a: "${env:X}"}',
        'feeds: {a: {url: https://x.org, headers: {A: "${env:X}"}}}',
        'database: "${env:X}"',
        'channels: {a: {type: webhook, url: "${env:X}"}}',
        'channels: {a: {type: webhook, url: https://x.org, secret: "${env:X}"}}',
        'channels: {a: {type: mail, to: "${env:X}", from: a@b.org, smtp: "smtps://x.org"}}',
        'channels: {a: {type: mail, to: a@b.org, from: a@b.org, smtp: "${env:X}"}}',
    ],
)
def test_a_secret_that_cannot_be_used_is_told_without_its_value(etc: Configured, line: str) -> None:
    etc.environment = {"X": "hush-hüsh"}
    (only,) = etc.write(f"{line}\n").mistakes()
    assert "hush" not in only


# --- credentials outside the service -----------------------------------------------------------

CREDENTIALS = """
contact: a@b.org
channels:
  chat: {type: slack, url: "${credential:slack}"}
  desk: {type: mail, to: a@b.org, from: a@b.org, smtp: "smtps://me:${credential:smtp}@x.org"}
  hook: {type: webhook, url: "${credential:hook}", secret: "${credential:sign}"}
"""


def test_outside_the_service_an_absent_credential_is_a_warning(etc: Configured) -> None:
    etc.write(CREDENTIALS)
    assert [warning.partition(";")[0] for warning in etc.warnings()] == [
        "wirewatch.yaml:4:28: only the service has the credential 'slack'",
        "wirewatch.yaml:5:56: only the service has the credential 'smtp'",
        "wirewatch.yaml:6:30: only the service has the credential 'hook'",
        "wirewatch.yaml:6:60: only the service has the credential 'sign'",
    ]


def test_nothing_starts_with_placeholders_for_credentials(etc: Configured) -> None:
    config = etc.write(CREDENTIALS).load()
    with pytest.raises(RuleErrors) as caught:
        require_startable(config)
    assert len(caught.value.mistakes) == 4


def test_what_is_wrong_beside_an_absent_credential_is_still_told(etc: Configured) -> None:
    etc.write(
        'channels: {a: {type: mail, to: nobody, from: a@b.org, smtp: "${credential:smtp}"}}\n'
    )
    (only,) = etc.mistakes()
    assert only.startswith("wirewatch.yaml:1:32: to: ")


@pytest.mark.parametrize("variable", ["INVOCATION_ID", "CREDENTIALS_DIRECTORY"])
def test_inside_the_service_an_absent_credential_is_a_mistake(
    etc: Configured, variable: str
) -> None:
    etc.environment = {variable: "/nowhere"}
    assert [mistake.partition(";")[0] for mistake in etc.write(CREDENTIALS).mistakes()] == [
        "wirewatch.yaml:4:28: the service has no credential 'slack'",
        "wirewatch.yaml:5:68: the service has no credential 'smtp'",
        "wirewatch.yaml:6:30: the service has no credential 'hook'",
        "wirewatch.yaml:6:60: the service has no credential 'sign'",
    ]


# --- secrets for all to read -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "warned"),
    [
        (
            "channels: {a: {type: slack, url: https://x.org/T01234/0123456789abcdef}}",
            1,
        ),
        ("channels: {a: {type: webhook, url: https://x.org/hook}}", 0),
        (f"channels: {{a: {{type: webhook, url: https://x.org/hook, secret: {SECRET}}}}}", 1),
        ('channels: {a: {type: webhook, url: https://x.org/hook, secret: "${env:X}"}}', 0),
        ("feeds: {a: {url: https://x.org, auth: {user: me, password: p4ss}}}", 1),
        ("feeds: {a: {url: https://x.org, headers: {Authorization: Bearer x}}}", 1),
        ("feeds: {a: {url: https://x.org, headers: {Accept-Language: id}}}", 0),
    ],
)
@pytest.mark.parametrize("mode", [0o644, 0o640])
def test_a_secret_written_out_in_a_file_for_all_to_read_is_warned_of(
    etc: Configured, line: str, warned: int, mode: int
) -> None:
    etc.environment = {"X": SECRET}
    etc.write(f"contact: a@b.org\n{line}\n")
    (etc.directory / "wirewatch.yaml").chmod(mode)
    expected = warned if mode & 0o004 else 0
    warnings = etc.warnings()
    assert len(warnings) == expected
    for warning in warnings:
        assert warning.endswith(
            "a secret is written out in a file that everybody can read;"
            " chmod o-r wirewatch.yaml, or write ${file:/path}"
        )
