"""The operator's own words: what a template may do, and that it can do no harm (E10)."""

from __future__ import annotations

import pytest
from rigs.made_alerts import HOSTILE, a_digest, a_hit, an_alert, an_event, send

from alerts import Digest, settings_model
from alerts.message import message_of, text_of
from alerts.template import LONGEST, Template


def lines(template: str, alert: object = None) -> list[str]:
    """The title and the excerpts of what comes out."""
    message = Template(template).message(alert or an_alert())  # type: ignore[arg-type] # an Alert
    [entry] = message.entries
    return [text_of(entry.title), *map(text_of, entry.excerpts)]


def test_the_first_line_is_the_title_and_the_others_are_the_excerpts() -> None:
    made = lines(
        "{{ severity | upper }} [{{ rule }}] {{ title }}\n\n{{ excerpt }}\nby {{ author }}"
    )
    assert made == [
        "NORMAL [xi-putin] Pertemuan Xi dan Putin di Beijing",
        "Kedua pemimpin membahas pipa gas.",
        "by A. Wartawan",
    ]


def test_conditions_loops_and_filters_are_understood() -> None:
    template = (
        "{% if lang == 'id' and 'Xi' in terms %}ID{% else %}other{% endif %} {{ tags | join('+') }}"
        "\n{% for term in terms %}<{{ term }}>{% endfor %}\n{{ title | truncate(12) }}"
        "\n{{ author | default('nobody') }} {{ terms | length }} {{ terms | first }}"
    )
    assert lines(template) == ["ID leaders", "<Xi><Putin>", "Pertemuan...", "A. Wartawan 2 Xi"]


def test_link_host_source_and_time_are_not_the_templates_to_say() -> None:
    usual = message_of(an_alert()).entries[0]
    [entry] = Template("https://bank.example\nx").message(an_alert()).entries
    assert (entry.link, entry.host, entry.source, entry.at) == (
        usual.link,
        usual.host,
        usual.source,
        usual.at,
    )
    assert not entry.labels_link  # a title that names another place is no link (E12)


def test_a_digest_and_an_event_have_words_of_their_own() -> None:
    digest = an_alert(Digest(a_digest().rule, 5, a_digest().hits, 2, "quiet from 22:00 to 07:00"))
    template = "{% if kind == 'digest' %}{{ count }} ({{ why }}): {% for h in hits %}{{ h.host }} "
    made = Template(template + "{% endfor %}{% else %}{{ event }}: {{ message }}{% endif %}")
    assert made.message(digest).heading == (
        "5 (quiet from 22:00 to 07:00): news.example news.example news.example"
    )
    assert len(made.message(digest).entries) == 3
    assert made.message(an_alert(an_event())).heading.startswith("feed_broken: feeds.bbci.co.uk")


@pytest.mark.parametrize("title", HOSTILE.values(), ids=HOSTILE)
def test_what_a_feed_wrote_is_a_value_and_never_a_template(title: str) -> None:
    alert = an_alert(a_hit(title, spans=(), summary=title, author=title))
    shown = text_of(message_of(alert).entries[0].title)
    assert lines("{{ title }}\n{{ excerpt }}", alert)[0] == shown


def test_a_template_that_says_nothing_leaves_the_message_as_it_is() -> None:
    assert Template("{% if kind == 'event' %}x{% endif %}").message(an_alert()) == message_of(
        an_alert()
    )


def test_what_comes_out_is_bounded() -> None:
    template = "{% for t in terms %}" + "{{ excerpt }}" * 200 + "{% endfor %}"
    hit = a_hit(summary="w " * 10_000)
    assert all(len(line) <= LONGEST for line in lines(template, an_alert(hit)))


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ title", "line 1: unexpected end of template, expected 'end of print statement'."),
        ("a\n{{ titel }}", "line 2: there is no 'titel'; known are author, count, "),
        ("{{ 'a' * 100000000 }}", "line 1: 'mul' is more than a template here may do"),
        ("{{ 2 ** 99999 }}", "line 1: 'pow' is more than a template here may do"),
        ("{{ '%99999999s' % 1 }}", "line 1: 'mod' is more than a template here may do"),
        ("{{ title + title }}", "line 1: 'add' is more than a template here may do"),
        ("{% set x = title %}", "line 1: 'assign' is more than a template here may do"),
        ("{{ title.__class__ }}", "line 1: 'title.__class__' is not known here"),
        ("{{ title['__class__'] }}", "line 1: 'getitem' is more than a template here may do"),
        ("{{ title() }}", "line 1: 'call' is more than a template here may do"),
        ("{{ range(9) }}", "line 1: 'call' is more than a template here may do"),
        ("{{ cycler.__init__ }}", "line 1: 'cycler.__init__' is not known here"),
        ("{{ title | attr('__class__') }}", "line 1: no filter 'attr'; known are capitalize, "),
        ("{{ title | center(99999999) }}", "line 1: no filter 'center'; known are capitalize, "),
        ("{% for a in title %}{% endfor %}", "line 1: a for may only go over hits, terms or tags"),
        (
            "{% for a in hits %}{% for b in hits %}{% endfor %}{% endfor %}",
            "line 1: a for may only go over hits, terms or tags, and not nest",
        ),
        ("{% for a in hits %}{{ a.mro }}{% endfor %}", "line 1: 'a.mro' is not known here"),
        ("{% include 'x' %}", "line 1: 'include' is more than a template here may do"),
        ("{% import 'os' as os %}", "line 1: 'import' is more than a template here may do"),
        ("{% macro x() %}{% endmacro %}", "line 1: 'macro' is more than a template here may do"),
        ("{{ [1, 2] }}", "line 1: 'list' is more than a template here may do"),
        ("x" * (LONGEST + 1), "longer than 4,000 characters"),
    ],
)
def test_what_no_template_may_do_is_refused_with_its_line(template: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"^") as raised:
        Template(template)
    assert str(raised.value).startswith(message)


def test_a_channel_with_a_template_says_what_it_makes() -> None:
    written: list[str] = []
    settings = settings_model("console")()
    send("console", settings, an_alert(), write=written.append, template="* {{ title }} *")
    assert written[0].startswith("[xi-putin] * Pertemuan Xi dan Putin di Beijing *")
