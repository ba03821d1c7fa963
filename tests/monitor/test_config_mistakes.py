"""The configuration that is wrong: every message, and where it points."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rigs.configured import Configured

from monitor.config_values import _PLAIN_URL, feed_url
from monitor.urls import normalised

CHANNELS = "channels:\n  term: {type: console}\n"


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configured:
    """A configuration directory called ``etc`` in the current directory."""
    monkeypatch.chdir(tmp_path)
    Path("etc").mkdir()
    return Configured(Path("etc"))


def told(etc: Configured, text: str) -> list[str]:
    """The mistakes of a main file, below the two lines that make a channel."""
    etc.write(CHANNELS + text)
    return etc.mistakes()


def test_all_mistakes_of_all_files_come_at_once_in_reading_order(etc: Configured) -> None:
    etc.write(
        {
            "wirewatch.yaml": "contact: desk\nfeds: {}\n" + CHANNELS,
            "feeds/a.yaml": "feeds:\n  a: {url: https://x.org, evry: 10m}\n",
            "rules/a.yaml": "rules:\n  a: Xi AND\n  b: {match: x, send: [trem]}\n",
            "rules/b.yaml": 'rules:\n  c: "x" AND y\n',
            "channels/a.yaml": "channels:\n  term: {type: console}\n",
        }
    )
    assert [headline.partition(": ")[0] for headline in etc.mistakes()] == [
        "wirewatch.yaml:1:10",
        "wirewatch.yaml:2:1",
        "feeds/a.yaml:2:27",
        "rules/a.yaml:2:12",
        "rules/a.yaml:3:24",
        "rules/b.yaml:2:6",
        "channels/a.yaml:2:3",
    ]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (
            "contact: desk",
            (
                "3:10: 'desk' is not a contact; write an email address or a web page, such as"
                " desk@example.org"
            ),
        ),
        (
            "contact: Jürgen <j@x.org>",
            (
                "3:10: 'Jürgen <j@x.org>' cannot stand in a header; write an email address or a web"
                " page, such as desk@example.org"
            ),
        ),
        ("contact:", "3:9: nothing is written here; write a value or delete the key"),
        (
            "contact: [a@b.org]",
            "3:10: one value was expected, here is a list",
        ),
        (
            "timezone: Asia/Jakata",
            "3:11: no time zone is called 'Asia/Jakata'; did you mean Asia/Jakarta?",
        ),
        (
            "timezone: ../passwd",
            "3:11: no time zone is called '../passwd'; write it as Asia/Jakarta or UTC",
        ),
        ("allow_private: 10.0.0.1/8", "3:16: '10.0.0.1/8' is not a network; write 10.0.0.0/8"),
        (
            "allow_private: 10.0.0.0/99",
            "3:16: '10.0.0.0/99' is not a network; write it as 10.0.0.0/8",
        ),
        (
            "allow_private: [local host]",
            (
                "3:17: 'local host' is not a host, address or network; write localhost, 127.0.0.1"
                " or 10.0.0.0/8"
            ),
        ),
        ("notify: trem", "3:9: no channel named 'trem'; did you mean term?"),
        ("notify: x", "3:9: no channel named 'x'; known are term"),
        ("notify: []", "3:9: no channel is named here; name one, or delete the key"),
        ("host_pause: 5", "3:13: '5' has no unit; write 5s, 5m or 5h"),
        ("host_pause: 10 minutes", "3:13: '10 minutes' is not a period; write 10m"),
        ("host_pause: soon", "3:13: 'soon' is not a period; write it as 30s, 10m, 6h or 7d"),
        ("host_pause: 999999d", "3:13: '999999d' is longer than ten years"),
        (
            "log: {level: verbose}",
            "3:14: 'verbose' is not known here; write debug, info, warning or error",
        ),
        ("log: {levle: info}", "3:7: log: has no key 'levle'; did you mean level?"),
        ("log: info", "3:6: log: holds keys and values, here is one value; write {level: …}"),
        (
            "rules:\n- Xi AND Putin",
            (
                "4:1: rules: holds keys and values, here is a list; write key: value on each line,"
                " without the dash"
            ),
        ),
        (
            "database: postgresql://x/y",
            "3:11: PostgreSQL is not available in this version; write it as sqlite:///wirewatch.db",
        ),
        (
            "database: 'sqlite://'",
            "3:11: 'sqlite://' is not a database; write it as sqlite:///wirewatch.db",
        ),
        (
            "database: 'sqlite:///:memory:'",
            "3:11: 'sqlite:///:memory:' is not a database; write it as sqlite:///wirewatch.db",
        ),
        (
            "database: wirewatch.db",
            "3:11: 'wirewatch.db' is not a database; write it as sqlite:///wirewatch.db",
        ),
        ("feds: {}", "3:1: the configuration has no key 'feds'; did you mean feeds?"),
        (
            "defaults: {sned: [term]}",
            "3:12: defaults: has no key 'sned'; did you mean send?",
        ),
        ("web: {listen: x}", "3:1: 'web' is not available in this version; delete it"),
        (
            "timezone: UTC\ntimezone: UTC",
            "4:1: 'timezone' is already given at wirewatch.yaml:3:1",
        ),
    ],
)
def test_a_setting_that_is_wrong(etc: Configured, text: str, mistake: str) -> None:
    assert told(etc, text + "\n") == [f"wirewatch.yaml:{mistake}"]


@pytest.mark.parametrize("key", ["proxy", "web", "keep", "canary"])
def test_a_setting_of_a_later_version_is_refused(etc: Configured, key: str) -> None:
    assert told(etc, f"{key}: x\n") == [
        f"wirewatch.yaml:3:1: '{key}' is not available in this version; delete it"
    ]


@pytest.mark.parametrize(
    ("feed", "mistake"),
    [
        (
            "www.x.org/rss",
            "4:6: 'www.x.org/rss' is neither http:// nor https://; write https:// before it",
        ),
        (
            "ftp://x.org/rss",
            "4:6: 'ftp://x.org/rss' is neither http:// nor https://; write https:// in its place",
        ),
        (
            "https://me:p4ss@x.org/",
            (
                "4:6: a user name does not belong into the URL of a feed; write auth: {user: …,"
                " password: …}"
            ),
        ),
        ("https://x.org/a b", "4:21: the URL holds U+0020; write it with %-signs"),
        ("https://x.org\\@y.org/", "4:19: the URL holds '\\'; write it with %-signs"),
        ("https://x.org:99999/", "4:6: the URL names port 99999, which does not exist"),
        (
            "http://127.1/",
            "4:6: 127.1 is neither a host name nor an address in its usual form",
        ),
        ("[https://x.org/]", "4:6: feed 'a' holds keys and values, here is a list"),
        ("{}", "4:3: feed 'a' has no url"),
        ("{every: 10m}", "4:3: feed 'a' has no url"),
        ("{url: }", "4:12: nothing is written here; write a value or delete the key"),
        ("{url: https://x.org, evry: 1m}", "4:27: feed 'a' has no key 'evry'; did you mean every?"),
        (
            "{url: https://x.org, url: https://y.org}",
            "4:27: 'url' is already given at wirewatch.yaml:4:7",
        ),
        (
            "{url: https://x.org, every: 500ms}",
            "4:34: '500ms' is too often; a feed is polled at most every 1s",
        ),
        (
            "{url: https://x.org, max_age: 0s}",
            "4:36: '0s' is no time at all; write it as 30s, 10m, 6h or 7d",
        ),
        (
            "{url: https://x.org, first_poll: all}",
            "4:39: 'all' is not a way to begin; write baseline, alert, or a period such as 24h",
        ),
        (
            "{url: https://x.org, lang: English!}",
            "4:33: 'English!' is not a language; write it as id, en or en-GB",
        ),
        ("{url: https://x.org, enabled: maybe}", "4:36: 'maybe' is neither yes nor no"),
        (
            "{url: https://x.org, headers: {User-Agent: x}}",
            "4:37: User-Agent cannot be set; it names wirewatch and your contact:",
        ),
        (
            "{url: https://x.org, headers: {if-none-match: x}}",
            "4:37: if-none-match cannot be set; wirewatch sends what the server gave it",
        ),
        ("{url: https://x.org, headers: {X Y: z}}", "4:37: 'X Y' is not the name of a header"),
        (
            "{url: https://x.org, headers: {X: żółw}}",
            "4:40: a header holds visible ASCII signs only",
        ),
        (
            '{url: https://x.org, headers: {X: "a\\r\\nY: b"}}',
            "4:40: a header holds visible ASCII signs only",
        ),
        ("{url: https://x.org, auth: {user: me}}", "4:33: auth: needs password"),
        (
            "{url: https://x.org, auth: me}",
            "4:33: auth: holds keys and values, here is one value; write {user: …, password: …}",
        ),
        ("{url: https://x.org, tags: ['']}", "4:34: a text was expected, nothing is here"),
        (
            "{url: https://x.org, proxy: y}",
            "4:27: 'proxy' is not available in this version; delete it",
        ),
        ("{url: https://x.org, ca: y}", "4:27: 'ca' is not available in this version; delete it"),
    ],
)
def test_a_feed_that_is_wrong(etc: Configured, feed: str, mistake: str) -> None:
    assert told(etc, f"feeds:\n  a: {feed}\n") == [f"wirewatch.yaml:{mistake}"]


@pytest.mark.parametrize(
    ("channel", "mistake"),
    [
        ("{}", "4:3: channel 'c' has no type; write type: and one of "),
        ("{type: slak}", "4:13: there is no channel type 'slak'; did you mean slack?"),
        (
            "{type: apprise, url: nonsense://x}",
            "4:27: url: not an Apprise URL; appriseit.com lists the form for each service",
        ),
        ("{type: webhook}", "4:3: channel 'c' needs url:"),
        (
            "{type: console, template: '{{ titel }}'}",
            (
                "4:32: not a template: line 1: there is no 'titel'; known are author, count, "
                "event, excerpt, hits, host, kind, lang, link, message, published, rule, "
                "severity, source, tags, terms, title, why"
            ),
        ),
        (
            "{type: webhook, url: https://x.org, template: x}",
            "4:42: channel 'c' sends JSON and has no template; delete it",
        ),
        (
            "{type: webhook, ulr: https://x.org}",
            "4:22: channel 'c' of type webhook has no key 'ulr'; did you mean url?",
        ),
        (
            "{type: webhook, url: ftp://x.org}",
            "4:27: url: not an address; expected https://host/path",
        ),
        (
            "{type: webhook, url: https://x.org, secret: [whsec_abcd, 'n o']}",
            "4:63: secret: not a webhook secret; expected whsec_ and base64",
        ),
        ("{type: console, timeout: 20}", "4:31: '20' has no unit; write 20s, 20m or 20h"),
        ("{type: console, fallback: x}", "4:32: no channel named 'x'; known are c"),
        (
            "{type: console, fallback: c}",
            "4:32: a channel cannot be its own fallback; name another",
        ),
        ("{type: console, retry: {max: 6}}", "4:35: '6' has no unit; write 6s, 6m or 6h"),
        ("{type: console, retry: {factor: 0.5}}", "4:38: '0.5' is not a number from 1"),
        ("{type: console, retry: {fro: 1d}}", "4:30: retry: has no key 'fro'; did you mean for?"),
        ("console", "4:6: channel 'c' holds keys and values, here is one value"),
    ],
)
def test_a_channel_that_is_wrong(etc: Configured, channel: str, mistake: str) -> None:
    etc.write(f"defaults: {{send: [c]}}\nrules: {{a: x}}\nchannels:\n  c: {channel}\n")
    (only,) = etc.mistakes()
    assert only.startswith(f"wirewatch.yaml:{mistake}")


@pytest.mark.parametrize(
    ("rule", "mistake"),
    [
        ("Xi AND", "4:12: expected a term after AND"),
        ("Xi AND @putn", "4:13: no group named @putn"),
        ("", "4:3: rule 'a' is empty; write what to match"),
        (
            "\n  match: Xi\n  severity: high",
            ("4:3: rule 'a' is empty; indent match: and what follows further than the rule's name"),
        ),
        (
            "#gaza",
            "4:3: rule 'a' is empty; what begins with # is a comment; write what to match",
        ),
        (
            "[x, y]",
            (
                "4:6: YAML takes a value that begins with [ for a list; put the whole rule in"
                " single quotes or after >-"
            ),
        ),
        (
            "{x OR y}",
            (
                "4:6: YAML takes a value that begins with { for keys and values; put the whole rule"
                " in single quotes or after >-"
            ),
        ),
        ("\n    - x", "5:5: rule 'a' is a list; write one expression"),
        ("{send: [term]}", "4:3: rule 'a' has no match; write match: and an expression"),
        ("{match: x, send: [trem]}", "4:24: no channel named 'trem'; did you mean term?"),
        ("{match: x, severity: hihg}", "4:27: 'hihg' is not known here; did you mean high?"),
        (
            "{match: x, until: 2026-13-01}",
            "4:24: '2026-13-01' is not a date; write it as 2026-12-31 or 2026-12-31 18:00",
        ),
        ("{match: x, matches: y}", "4:17: rule 'a' has no key 'matches'; did you mean match?"),
        (
            "{match: x, examples: {match: [y]}}",
            "4:28: examples: has no key 'match'; known are matches and ignores",
        ),
        (
            "{match: x, examples: {matches: [{titel: y}]}}",
            "4:39: an example has no key 'titel'; did you mean title?",
        ),
        ("{match: x, examples: [y]}", "4:27: examples: holds keys and values, here is a list"),
    ],
)
def test_a_rule_that_is_wrong(etc: Configured, rule: str, mistake: str) -> None:
    assert told(etc, f"rules:\n  a: {rule}\n") == [f"wirewatch.yaml:{mistake}"]


def test_rules_that_do_not_say_where_to_send_are_told_once(etc: Configured) -> None:
    etc.write("channels: {a: {type: console}, b: {type: console}}\nrules:\n  x: x\n  y: y\n")
    assert etc.mistakes() == [
        (
            "wirewatch.yaml:3:3: rule 'x' (and 1 more) does not say where its alerts go;"
            " write send: [channel], or once defaults: {send: [channel]}"
        )
    ]


@pytest.mark.parametrize(
    ("section", "first", "second", "noun"),
    [
        ("feeds", "a: https://x.org", "a: https://y.org", "feed"),
        ("channels", "a: {type: console}", "a: {type: console}", "channel"),
        ("rules", "a: x", "a: y", "rule"),
        ("terms", "a: [x]", "a: [y]", "group"),
    ],
)
def test_a_name_is_taken_once_over_all_files(
    etc: Configured, section: str, first: str, second: str, noun: str
) -> None:
    etc.write(
        {
            "wirewatch.yaml": "",
            "rules/energy.yaml": f"{section}:\n  {first}\n",
            "rules/gas.yaml": f"{section}:\n  {second}\n",
        }
    )
    assert etc.mistakes() == [
        f"rules/gas.yaml:2:3: {noun} 'a' is already defined at rules/energy.yaml:2:3"
    ]


@pytest.mark.parametrize("section", ["feeds", "channels", "rules", "terms", "defaults"])
def test_a_section_that_is_a_list_says_what_it_holds(etc: Configured, section: str) -> None:
    (only,) = told(etc, f"{section}: [a]\n") if section != "channels" else _listed(etc)
    assert "holds" in only


def _listed(etc: Configured) -> list[str]:
    return etc.write("channels: [a]\n").mistakes()


@pytest.mark.parametrize("section", ["feeds", "channels", "rules", "terms", "defaults"])
def test_a_section_whose_entries_are_commented_out_is_empty(etc: Configured, section: str) -> None:
    etc.write(f"{section}:\n  # a: b\n").load()


def test_a_section_twice_in_one_file_is_told(etc: Configured) -> None:
    assert told(etc, "rules: {a: x}\nrules: {b: y}\n") == [
        "wirewatch.yaml:4:1: 'rules' is already given at wirewatch.yaml:3:1"
    ]


@pytest.mark.parametrize("text", ["[a]\n", "rules\n", "- rules: x\n"])
def test_a_file_that_is_no_table_says_what_it_holds(etc: Configured, text: str) -> None:
    (only,) = etc.write(text).mistakes()
    assert only.startswith(
        "wirewatch.yaml:1:1: a configuration file holds keys and values, here is"
    )


@settings(deadline=None)
@given(st.from_regex(_PLAIN_URL, fullmatch=True))
@example("https://a.de:443/~x/y.rss?a=b&c")
@example("http://xn--a.example")
def test_what_counts_as_a_plain_url_is_one_that_may_be_asked(url: str) -> None:
    assert normalised(url)
    assert feed_url(url) == url


def test_one_file_that_yaml_refuses_does_not_make_names_unknown_in_others(
    etc: Configured,
) -> None:
    etc.write(
        {
            "wirewatch.yaml": "notify: [newsroom]\n",
            "channels/a.yaml": "channels:\n  newsroom: {type: console\n",
            "rules/a.yaml": "terms:\n  g: [x\n",
            "rules/b.yaml": "rules:\n  a: {match: '@g', send: [newsroom]}\n",
        }
    )
    assert [headline.partition(": ")[0] for headline in etc.mistakes()] == [
        "rules/a.yaml:2:6",
        "channels/a.yaml:2:13",
    ]


def test_a_comment_that_cuts_a_rule_is_warned_of(etc: Configured) -> None:
    etc.write(CHANNELS + "contact: a@b.org\nrules:\n  a: gaza #gaza AND x\n  b: x # why\n")
    assert etc.warnings() == [
        (
            "wirewatch.yaml:5:11: YAML ends this rule here: what follows # is a comment;"
            " put the whole rule in single quotes or after >-"
        )
    ]


def test_two_names_for_one_url_are_warned_of(etc: Configured) -> None:
    etc.write(CHANNELS + "contact: a@b.org\nfeeds:\n  a: https://x.org/\n  b: https://x.org/\n")
    assert etc.warnings() == [
        (
            "wirewatch.yaml:6:3: feed 'b' has the same URL as feed 'a';"
            " its items are told under 'a'; delete one of them"
        )
    ]


def test_a_channel_that_is_not_enabled_is_warned_of_where_it_is_named(etc: Configured) -> None:
    etc.write(
        "contact: a@b.org\nchannels:\n  a: {type: console, enabled: no}\n"
        "rules: {x: {match: x, send: a}}\n"
    )
    assert etc.warnings() == ["wirewatch.yaml:4:29: channel 'a' is not enabled"]


def test_fallbacks_that_go_round_in_a_circle_are_told(etc: Configured) -> None:
    """Two channels that are both down would hand an event to and fro for ever."""
    channels = "".join(
        f"  {name}: {{type: console, fallback: {to}}}\n" for name, to in ("ab", "bc", "ca")
    )
    etc.write(f"contact: d@e.org\nchannels:\n{channels}")
    assert etc.mistakes() == ["wirewatch.yaml:5:32: 'a' falls back on 'c' itself; name another"]
