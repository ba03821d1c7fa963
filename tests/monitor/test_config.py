"""The configuration that is right: what each key becomes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rigs.configured import Configured

from monitor.config import FeedConfig, RetryConfig, load, require_startable
from monitor.config_examples import failing_examples, require_examples
from rules import Document, RuleErrors

TERM = "channels:\n  term: {type: console}\n"


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configured:
    """A configuration directory called ``etc`` in the current directory."""
    monkeypatch.chdir(tmp_path)
    Path("etc").mkdir()
    return Configured(Path("etc"))


def test_the_example_of_the_design_becomes_a_configuration(etc: Configured) -> None:
    etc.environment = {"HOOK": "whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQgMTIz"}
    etc.write(
        """
        contact: desk@example.org
        database: sqlite:///wirewatch.db
        allow_private: [127.0.0.1, 10.0.0.0/8, Intra.Example.org, "::1"]
        notify: [siem]
        timezone: Asia/Jakarta
        host_pause: 500ms
        log: {level: debug}
        feeds:
          antara: https://www.antaranews.com/rss/terkini.xml
          bbc-world: {url: https://feeds.bbci.co.uk/news/world/rss.xml, every: 10m, tags: [world]}
        channels:
          term: {type: console, enabled: off}
          siem:
            type: webhook
            url: https://siem.example.org/hook
            secret: "${env:HOOK}"
            timeout: 5s
            retry: {first: 5s, factor: 2, max: 6h, for: 3d}
        defaults: {send: [siem], first_poll: baseline}
        terms:
          pipeline: [pipeline*, pipa, 管道]
        rules:
          xi-putin: Xi AND Putin             # the short form: name and expression
          pipelines: {match: "@pipeline", severity: high, send: [siem], tags: [energy]}
        """
    )
    config = etc.load()
    assert config.contact == "desk@example.org"
    assert config.database == f"sqlite:///{Path.cwd()}/etc/wirewatch.db"
    assert config.allow_private == ("127.0.0.1", "10.0.0.0/8", "intra.example.org", "::1")
    assert config.notify == ("siem",)
    assert config.timezone == ZoneInfo("Asia/Jakarta")
    assert config.host_pause == timedelta(milliseconds=500)
    assert config.log_level == "DEBUG"
    assert config.feeds == {
        "antara": FeedConfig("antara", "https://www.antaranews.com/rss/terkini.xml"),
        "bbc-world": FeedConfig(
            "bbc-world",
            "https://feeds.bbci.co.uk/news/world/rss.xml",
            every=timedelta(minutes=10),
            tags=("world",),
        ),
    }
    siem = config.channels["siem"]
    assert (siem.type, siem.timeout, siem.enabled) == ("webhook", timedelta(seconds=5), True)
    assert siem.retry == RetryConfig(
        timedelta(seconds=5), 2.0, timedelta(hours=6), timedelta(days=3)
    )
    assert siem.settings.url.get_secret_value() == "https://siem.example.org/hook"
    assert not config.channels["term"].enabled
    assert config.terms == {"pipeline": ("pipeline*", "pipa", "管道")}
    assert config.rules["xi-putin"].expression == "Xi AND Putin"
    assert config.rules["xi-putin"].send == ("siem",)
    assert config.rules["pipelines"].severity == "high"
    assert config.rules["pipelines"].tags == ("energy",)
    assert sorted(config.ruleset) == ["pipelines", "xi-putin"]
    assert config.warnings == ()
    assert config.files == (Path("etc/wirewatch.yaml"),)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("every: 1s", {"every": timedelta(seconds=1)}),
        ("every: 1h30m", {"every": timedelta(minutes=90)}),
        ("tags: world", {"tags": ("world",)}),
        ("headers: {X-Key: abc}", {"headers": {"X-Key": "abc"}}),
        ("auth: {user: me, password: p4ss}", {"auth": ("me", "p4ss")}),
        ("lang: en-GB", {"lang": "en-GB"}),
        ("source: The House", {"source": "The House"}),
        ("max_age: 7d", {"max_age": timedelta(days=7)}),
        ("first_poll: alert", {"first_poll": "alert"}),
        ("first_poll: 24h", {"first_poll": timedelta(hours=24)}),
        ("enabled: no", {"enabled": False}),
        ("enabled: on", {"enabled": True}),
    ],
)
def test_each_key_of_a_feed_becomes_its_value(
    etc: Configured, written: str, expected: dict[str, Any]
) -> None:
    etc.write(f"{TERM}feeds:\n  a:\n    url: https://x.org/rss\n    {written}\n")
    assert etc.load().feeds["a"] == FeedConfig("a", "https://x.org/rss", **expected)


@pytest.mark.parametrize(
    ("written", "until"),
    [
        ("2026-12-31", datetime(2026, 12, 31, 17, tzinfo=UTC)),
        ("2026-12-31 18:00", datetime(2026, 12, 31, 11, tzinfo=UTC)),
        ("2026-12-31T18:00:00+00:00", datetime(2026, 12, 31, 18, tzinfo=UTC)),
        ("2026-12-31T18:00:00Z", datetime(2026, 12, 31, 18, tzinfo=UTC)),
    ],
)
def test_until_counts_in_the_time_zone_and_a_day_to_its_end(
    etc: Configured, written: str, until: datetime
) -> None:
    etc.write(
        f"{TERM}timezone: Asia/Jakarta\nrules:\n  a: {{match: x, until: '{written}', note: why}}\n"
    )
    assert etc.load().rules["a"].until == until
    assert etc.load().rules["a"].note == "why"


def test_names_and_scalars_that_yaml_would_convert_stay_letters(etc: Configured) -> None:
    etc.write(TERM + "rules:\n  no: 2024\n  1.50: on\nterms:\n  yes: [12:30, no]\n")
    config = etc.load()
    assert {name: rule.expression for name, rule in config.rules.items()} == {
        "no": "2024",
        "1.50": "on",
    }
    assert config.terms == {"yes": ("12:30", "no")}


def test_a_disabled_rule_is_kept_but_not_compiled(etc: Configured) -> None:
    etc.write(TERM + "rules:\n  a: x\n  b: {match: y, enabled: no}\n")
    config = etc.load()
    assert list(config.rules) == ["a", "b"]
    assert list(config.ruleset) == ["a"]


# --- where alerts go -----------------------------------------------------------------------------


def test_without_any_channel_alerts_go_to_the_terminal(etc: Configured) -> None:
    config = etc.write("rules: {a: x}\n").load()
    assert list(config.channels) == ["terminal"]
    assert config.channels["terminal"].type == "console"
    assert config.rules["a"].send == ("terminal",)


def test_the_only_channel_gets_the_alerts_of_rules_that_name_none(etc: Configured) -> None:
    config = etc.write(TERM + "rules: {a: x}\n").load()
    assert config.rules["a"].send == ("term",)


def test_one_channel_may_stand_without_brackets_and_twice_counts_once(etc: Configured) -> None:
    etc.write(TERM + "notify: term\nrules: {a: {match: x, send: [term, term]}}\n")
    config = etc.load()
    assert config.notify == ("term",)
    assert config.rules["a"].send == ("term",)


def test_a_rule_without_send_uses_the_defaults(etc: Configured) -> None:
    etc.write(
        "channels: {a: {type: console}, b: {type: console}}\n"
        "defaults: {send: [b], first_poll: 24h}\n"
        "rules: {x: x}\nfeeds: {f: https://x.org}\n"
    )
    config = etc.load()
    assert config.rules["x"].send == ("b",)
    assert config.feeds["f"].first_poll == timedelta(hours=24)


def test_what_a_retry_leaves_out_is_filled_in(etc: Configured) -> None:
    etc.write("channels: {a: {type: console, retry: {for: 1h}}}\n")
    assert etc.load().channels["a"].retry == RetryConfig(
        first=timedelta(seconds=5), factor=2.0, max=timedelta(hours=6), total=timedelta(hours=1)
    )


# --- the database --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "state", "expected"),
    [
        ("", "", "{cwd}/etc/wirewatch.db"),
        ("", "/var/lib/wirewatch", "/var/lib/wirewatch/wirewatch.db"),
        ("", "/var/lib/a:/var/lib/b", "/var/lib/a/wirewatch.db"),
        ("database: sqlite:///x/y.db", "", "{cwd}/etc/x/y.db"),
        ("database: sqlite:///../y.db", "", "{cwd}/y.db"),
        ("database: sqlite:////srv/y.db", "/var/lib/wirewatch", "/srv/y.db"),
    ],
)
def test_a_relative_database_counts_from_the_state_directory_else_from_the_configuration(
    etc: Configured, written: str, state: str, expected: str
) -> None:
    etc.environment = {"STATE_DIRECTORY": state}
    expected = expected.format(cwd=Path.cwd())
    assert etc.write(f"{TERM}{written}\n").load().database == f"sqlite:///{expected}"


# --- what nothing may start without ---------------------------------------------------------------


def test_a_missing_contact_is_a_warning_until_something_is_requested(etc: Configured) -> None:
    config = etc.write(TERM).load()
    told = (
        "etc/wirewatch.yaml:1:1: no contact is configured; publishers are told whom to write to;"
        " add a line such as contact: desk@example.org"
    )
    assert [warning.headline for warning in config.warnings] == [told]
    with pytest.raises(RuleErrors) as caught:
        require_startable(config)
    assert [mistake.headline for mistake in caught.value.mistakes] == [told]


def test_a_configuration_with_a_contact_may_start(etc: Configured) -> None:
    require_startable(etc.write(TERM + "contact: https://example.org/bot\n").load())


# --- examples -----------------------------------------------------------------------------------

EXAMPLES = """
rules:
  xi:
    match: Xi AND Putin
    examples:
      matches:
        - Xi met Putin
        - {title: Xi, content: and Putin, lang: en, tags: [a, b]}
        - Xi alone
      ignores:
        - Putin in Minsk
        - Xi and Putin
"""


def test_examples_become_documents(etc: Configured) -> None:
    first, second, _third, fourth, _fifth = etc.write(TERM + EXAMPLES).load().examples
    assert (first.rule, first.document, first.matches) == ("xi", Document("Xi met Putin"), True)
    assert second.document == Document("Xi", content="and Putin", lang="en", tags=("a", "b"))
    assert not fourth.matches


def test_an_example_that_fails_is_a_mistake_at_its_place(etc: Configured) -> None:
    failing = failing_examples(etc.write(TERM + EXAMPLES).load())
    assert [str(failed.mistake).split("\n") for failed in failing] == [
        [
            "etc/wirewatch.yaml:11:11: rule 'xi' does not match this example",
            "            - Xi alone",
            "              ^",
        ],
        [
            "etc/wirewatch.yaml:14:11: rule 'xi' matches this example, which it must ignore",
            "            - Xi and Putin",
            "              ^",
        ],
    ]
    assert [failed.explanation.true for failed in failing] == [False, True]


def test_a_configuration_whose_examples_fail_can_be_refused(etc: Configured) -> None:
    with pytest.raises(RuleErrors) as caught:
        require_examples(etc.write(TERM + EXAMPLES).load())
    assert len(caught.value.mistakes) == 2
    require_examples(etc.write(TERM + "rules: {a: x}\n").load())


def test_the_examples_of_a_disabled_rule_are_not_run(etc: Configured) -> None:
    text = EXAMPLES.replace("examples:", "enabled: no\n    examples:")
    assert failing_examples(etc.write(TERM + text).load()) == ()


# --- the linter ---------------------------------------------------------------------------------

LINTED = """contact: a@b.org
channels: {term: {type: console}}
terms: {unused: [x]}
rules:
  a:
    match: >-
      Xi
      and Putin
"""


def test_the_linters_warnings_stand_at_their_places_and_come_only_when_asked_for(
    etc: Configured,
) -> None:
    etc.write(LINTED)
    assert etc.load().warnings == ()
    warnings = load(etc.directory, {}, lint=True).warnings
    assert [warning.headline for warning in warnings] == [
        "etc/wirewatch.yaml:3:9: no rule uses group @unused",
        (
            "etc/wirewatch.yaml:8:7: and is a search word here;"
            ' write AND for the operator, "and" for the word'
        ),
    ]


def test_a_feed_that_a_rule_names_and_nobody_has_is_warned_of(etc: Configured) -> None:
    etc.write(
        """
        contact: a@b.org
        channels: {term: {type: console}}
        feeds:
          reuters: {url: https://x.org/, tags: [world, Zürich]}
        rules:
          a: Xi AND (feed:Reuters OR feed:zurich OR feed:bloom* OR feed:world)
          b: Putin AND feed:reters
        """
    )
    warnings = load(etc.directory, {}, lint=True).warnings
    assert [warning.headline for warning in warnings] == [
        (
            "etc/wirewatch.yaml:8:29: no feed and no tag of one is called 'reters';"
            " did you mean reuters?"
        )
    ]


# --- the whole ----------------------------------------------------------------------------------


def test_thousands_of_feeds_and_rules_are_one_configuration(etc: Configured) -> None:
    feeds = (f"  f{n}: {{url: https://h{n}.example.org/rss, tags: [a]}}\n" for n in range(2_000))
    rules = (f"  r{n}: word{n} AND other\n" for n in range(2_000))
    etc.write(
        {
            "wirewatch.yaml": TERM,
            "feeds/f.yaml": f"feeds:\n{''.join(feeds)}",
            "rules/r.yaml": f"rules:\n{''.join(rules)}",
        }
    )
    config = etc.load()
    assert (len(config.feeds), len(config.rules), len(config.ruleset)) == (2_000, 2_000, 2_000)


@pytest.mark.parametrize("folder", ["monitor/starter", "deploy/etc/wirewatch"])
def test_what_we_ship_is_right_and_its_examples_hold(
    root: Path, folder: str, tmp_path: Path
) -> None:
    (tmp_path / "slack").write_text("https://hooks.slack.com/services/T/B/x\n")
    (tmp_path / "smtp").write_text("p@ss/word\n")
    (tmp_path / "archive").write_text("whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQgMTIz\n")
    config = load(root / folder, {"CREDENTIALS_DIRECTORY": str(tmp_path)}, lint=True)
    assert config.examples
    assert failing_examples(config) == ()
    assert all("contact" in warning.message for warning in config.warnings)
