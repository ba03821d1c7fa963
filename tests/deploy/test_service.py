"""The service under a real systemd, installed by the commands of the guide, in a container."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rigs.container import why_not
from rigs.installed import CONFIGURATION, Installed
from rigs.origin import Origin, Page
from rigs.receiver import Receiver

pytestmark = [
    pytest.mark.systemd,
    pytest.mark.root,
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]

QUIET = """\
contact: desk@example.org
allow_private: [127.0.0.0/8]
rules: {xi-putin: Xi AND Putin}
"""

# STATUS and the watchdog's meals come three times as often as the watchdog wants to hear.
HASTE = {"/etc/systemd/system/wirewatch.service.d/haste.conf": "[Service]\nWatchdogSec=5s\n"}


def test_the_guide_installs_a_service_that_starts_and_says_how_it_is(
    root: Path, tmp_path: Path
) -> None:
    with Installed(root, tmp_path) as debian:
        debian.follow("2.", "3.", "4.")
        assert debian.show("ActiveState") == "active"
        assert debian.show("StatusText").startswith("watching 3 feeds (")
        assert debian.show("User") == "wirewatch"
        assert debian.run("systemctl", "is-enabled", "wirewatch").stdout == "enabled\n"
        said = debian.run("systemd-analyze", "verify", "wirewatch.service")
        assert said.stdout + said.stderr == ""
        kept = "/etc/wirewatch", "/etc/wirewatch/credentials", "/var/lib/wirewatch"
        assert debian.run("stat", "--format=%a %U:%G %n", *kept).stdout.splitlines() == [
            "750 root:wirewatch /etc/wirewatch",
            "700 root:root /etc/wirewatch/credentials",
            "700 wirewatch:wirewatch /var/lib/wirewatch",
        ]
        debian.follow("2.")  # twice is no harm
        assert debian.show("ActiveState") == "active"


def test_an_item_becomes_an_alert_and_a_reload_takes_all_or_nothing(
    root: Path, tmp_path: Path
) -> None:
    with Installed(root, tmp_path, texts=HASTE) as debian:
        debian.follow("2.")
        with debian.network():
            origin, receiver = Origin(), Receiver()
            with origin, receiver:
                alert_and_reload(debian, origin, receiver)


def alert_and_reload(debian: Installed, origin: Origin, receiver: Receiver) -> None:
    origin.serve("/feed", Page(FEED.encode(), etag='"1"'))
    debian.run("wirewatchctl", "credential", "hook", stdin=f"{receiver.url}\n")
    working = f"""{QUIET}
feeds: {{wire: {{url: "{origin.url("/feed")}", every: 1s}}}}
channels: {{siem: {{type: webhook, url: "${{credential:hook}}"}}}}
defaults: {{send: [siem], first_poll: alert}}
"""
    debian.write(CONFIGURATION, working)
    debian.run("systemctl", "start", "wirewatch")
    (alert,) = receiver.wait_for(1, timeout=30)
    assert alert.json["data"]["item"]["title"] == "Xi and Putin met"
    debian.wait_for("StatusText", r"^watching 1 feeds \(1 ok\) with 1 rules; 1 hits in 24 h;")

    pid = debian.show("MainPID")
    debian.write(CONFIGURATION, working + "terms: {a: [b]}\nrulez: {}\n")
    debian.run("systemctl", "reload", "wirewatch")
    refused = debian.wait_for("StatusText", r"RELOAD REFUSED: /etc/wirewatch/wirewatch.yaml:\d+:")
    assert "with 1 rules; 1 hits" in refused
    debian.write(CONFIGURATION, working.replace("rules: {", "rules: {minsk: Minsk, "))
    debian.run("systemctl", "reload", "wirewatch")
    mended = debian.wait_for("StatusText", "with 2 rules; 1 hits")
    assert "REFUSED" not in mended
    assert debian.show("MainPID") == pid

    status = debian.run("wirewatchctl", "status", "--json").stdout
    assert json.loads(status)["running"] is True
    checked = debian.run("wirewatchctl", "check", check=False)
    assert checked.returncode == 0, checked
    assert "hook" not in checked.stderr  # the credential is there: nothing to warn of

    debian.run("systemctl", "stop", "wirewatch")
    assert debian.show("Result") == "success"
    assert debian.show("ExecMainStatus") == "0"
    assert len(receiver.requests) == 1
    journal = debian.journal()
    assert receiver.url not in journal
    assert "Traceback" not in journal


def test_a_daemon_that_freezes_or_dies_is_started_again(root: Path, tmp_path: Path) -> None:
    with Installed(root, tmp_path, texts={CONFIGURATION: QUIET} | HASTE) as debian:
        debian.follow("2.")
        debian.run("systemctl", "start", "wirewatch")
        pid = debian.show("MainPID")
        debian.run("kill", "-STOP", pid)
        debian.wait_for("NRestarts", "^1$")
        assert "Watchdog timeout" in debian.journal()
        debian.wait_for("ActiveState", "^active$")
        assert "Fatal Python error: Aborted" in debian.journal()  # and where it hung

        pid = debian.show("MainPID")
        debian.run("kill", "-KILL", pid)
        debian.wait_for("NRestarts", "^2$")
        debian.wait_for("ActiveState", "^active$")
        assert debian.show("MainPID") != pid
        assert debian.show("StatusText").startswith("watching 0 feeds")


def test_a_bad_configuration_at_boot_is_tried_once_and_mended_by_a_start(
    root: Path, tmp_path: Path
) -> None:
    wants = "/etc/systemd/system/up.target.wants/wirewatch.service"
    bad = f"{QUIET}feeds: {{a: gopher://x}}\nrulez: {{}}\n"
    with Installed(
        root,
        tmp_path,
        texts={CONFIGURATION: bad},
        links={wants: "../wirewatch.service"},
        files=machine_files(root),
    ) as debian:
        debian.wait_for("ActiveState", "^failed$")
        assert debian.show("ExecMainStatus") == "78"
        assert debian.show("NRestarts") == "0"
        journal = debian.journal()
        assert "gopher" in journal
        assert "rulez" in journal
        assert "Traceback" not in journal
        debian.write(CONFIGURATION, QUIET)
        debian.run("systemctl", "start", "wirewatch")
        assert debian.show("ActiveState") == "active"


def machine_files(root: Path) -> dict[str, Path]:
    """Section 2 of the guide as it is after a boot."""
    deploy = root / "deploy"
    return {
        "/etc/systemd/system/wirewatch.service": deploy / "wirewatch.service",
        "/etc/sysusers.d/wirewatch.conf": deploy / "sysusers.d/wirewatch.conf",
        "/etc/tmpfiles.d/wirewatch.conf": deploy / "tmpfiles.d/wirewatch.conf",
    }


def test_the_example_configuration_starts_once_its_secrets_are_there(
    root: Path, tmp_path: Path
) -> None:
    example = {"/etc/wirewatch": root / "deploy/etc/wirewatch"}
    with Installed(root, tmp_path, files=example) as debian:
        debian.follow("2.")
        refused = debian.run("wirewatchctl", "check", check=False)
        assert refused.returncode == 2
        for name in SECRETS:
            assert f"the service has no credential '{name}'" in refused.stderr
        for name, secret in SECRETS.items():
            debian.run("wirewatchctl", "credential", name, stdin=f"{secret}\n")
        assert debian.run("wirewatchctl", "credential").stdout.split() == sorted(SECRETS)
        debian.run("wirewatchctl", "check", "--strict")
        debian.run("systemctl", "start", "wirewatch")
        assert debian.show("StatusText").startswith("watching 7 feeds")

        stored = "/etc/wirewatch/credentials/slack"
        assert debian.run("stat", "--format=%a %U", stored).stdout == "600 root\n"
        assert debian.read(stored) == SECRETS["slack"]
        for name in ("../shadow", "-new", "", "a b", "ü"):
            refused = debian.run("wirewatchctl", "credential", name, stdin="x", check=False)
            assert refused.returncode == 2
            assert refused.stderr.endswith("cannot name a secret; use letters, digits, _ . @ -\n")


SECRETS = {
    "archive": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "slack": "https://hooks.slack.example/services/T0/B0/not-a-secret",
    "smtp": "p@ss/word",
}


def test_what_is_missing_is_named_and_not_tried_again(root: Path, tmp_path: Path) -> None:
    with Installed(root, tmp_path, texts={CONFIGURATION: QUIET}) as debian:
        debian.follow("2.")
        debian.run("wirewatchctl", "credential", "slack", stdin="xoxb-1")
        debian.run("rm", "/etc/wirewatch/credentials/slack")
        assert debian.run("systemctl", "start", "wirewatch", check=False).returncode != 0
        assert debian.show("ExecMainStatus") == "243"
        told = debian.run("wirewatchctl", "status", check=False)
        assert told.returncode == 2
        assert told.stderr == (
            "wirewatchctl: a file that LoadCredential= names is missing; "
            "see: systemctl cat wirewatch.service\n"
        )
        debian.run("wirewatchctl", "credential", "--remove", "slack")
        assert "\nLoadCredential" not in debian.run("systemctl", "cat", "wirewatch").stdout
        again = debian.run("wirewatchctl", "credential", "--remove", "slack", check=False)
        assert again.stderr == "wirewatchctl: there is no secret 'slack'\n"

        debian.run("rm", "/opt/wirewatch/current")
        assert debian.run("systemctl", "start", "wirewatch", check=False).returncode != 0
        assert debian.show("ExecMainStatus") == "203"
        assert debian.show("NRestarts") == "0"


FEED = (
    "<rss version='2.0'><channel><title>Wire</title><item><guid isPermaLink='false'>1</guid>"
    "<title>Xi and Putin met</title><link>https://news.example/1</link></item></channel></rss>"
)
