"""`wirewatch init`: a first configuration that is right, and nothing overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.cli import main
from monitor.config import load
from monitor.config_examples import failing_examples


def init(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["init", *words])
    return int(ended.value.code or 0)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


FILES = ["channels/chat.yaml", "feeds/world.yaml", "rules/leaders.yaml", "wirewatch.yaml"]


def test_it_writes_a_commented_set_and_says_what_comes_next(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert init("news/etc") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"wrote {', '.join(f'news/etc/{name}' for name in FILES)}",
        (
            "next: put your address after contact: in news/etc/wirewatch.yaml,"
            " then wirewatch check -c news/etc"
        ),
        "then: wirewatch once -c news/etc polls once and tells the last day's hits here",
    ]
    for name in FILES:
        assert Path("news/etc", name).read_text().startswith("# ")


def test_what_it_writes_is_right_but_for_the_contact() -> None:
    assert init("etc") == 0
    config = load(Path("etc"), {})
    assert [warning.message.partition(";")[0] for warning in config.warnings] == [
        "no contact is configured"
    ]
    assert config.feeds
    assert config.examples
    assert failing_examples(config) == ()


@pytest.mark.parametrize("contact", ["o'brien@example.org", "https://example.org/bot"])
def test_with_a_contact_nothing_is_left_to_do(contact: str) -> None:
    assert init("etc", "--contact", contact) == 0
    config = load(Path("etc"), {})
    assert config.contact == contact
    assert config.warnings == ()


def test_what_is_commented_out_is_right_too() -> None:
    assert init("etc", "--contact", "a@b.org") == 0
    for name in FILES:
        file = Path("etc", name)
        lines = file.read_text().splitlines()
        file.write_text("\n".join(_uncommented(line) for line in lines))
    secrets = Path("secrets")
    secrets.mkdir()
    for name, text in {"archive": "whsec_c2VjcmV0", "smtp": "p@ss", "intranet": "x"}.items():
        (secrets / name).write_text(text)
    for file in Path("etc").rglob("*.yaml"):
        text = file.read_text().replace("/etc/wirewatch/credentials", str(secrets.absolute()))
        file.write_text(text.replace("your-domain", "example.org"))
    config = load(Path("etc"), {"SLACK_URL": "https://hooks.slack.com/services/T/B/x"})
    assert {"terminal", "newsroom", "desk", "archive"} == config.channels.keys()
    assert "house" in config.feeds
    assert config.allow_private


def _uncommented(line: str) -> str:
    """Commented YAML is `# key: value` or deeper; sentences begin with a capital or a letter."""
    bare = line.strip()
    if not bare.startswith("# "):
        return line
    inner = line.replace("# ", "", 1)
    key = inner.strip().partition(":")[0]
    return inner if key.isidentifier() and key.islower() else ""


def test_nothing_is_overwritten_and_nothing_half_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("etc/rules").mkdir(parents=True)
    Path("etc/rules/leaders.yaml").write_text("mine")
    assert init("etc") == 2
    assert capsys.readouterr().err == (
        "etc/rules/leaders.yaml is already there; nothing was written, name another directory\n"
    )
    assert Path("etc/rules/leaders.yaml").read_text() == "mine"
    assert not Path("etc/wirewatch.yaml").exists()


def test_a_file_in_place_of_the_directory_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    Path("etc").write_text("x")
    assert init("etc") == 2
    assert capsys.readouterr().err == "etc is a file; name a directory\n"
    assert init("etc/below") == 2
    assert capsys.readouterr().err == (
        "etc/below/channels/chat.yaml cannot be written: Not a directory\n"
    )


def test_a_contact_that_is_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert init("etc", "--contact", "nobody") == 2
    assert capsys.readouterr().err == (
        "--contact: 'nobody' is not a contact; write an email address or a web page, such as"
        " desk@example.org\n"
    )
    assert not Path("etc").exists()
