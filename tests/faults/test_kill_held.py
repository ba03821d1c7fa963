"""SIGKILL while alerts wait in digests for a throttle, and receivers are flaky (C2, D2).

``WIREWATCH_KILLS=1000`` makes it a long run, ``WIREWATCH_SEED`` another one.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from rigs.daemon import Daemon, Nursery, wait_until, wirewatch
from rigs.history import Article, Plan, Telling, check_tellings, matching
from rigs.newsroom import Newsroom
from rigs.receiver import Answer, Request, drop_after, drop_before, status

KILLS = max(4, int(os.environ.get("WIREWATCH_KILLS", "50")) // 10)
SEED = int(os.environ.get("WIREWATCH_SEED", "2"))
RULES = {"throttled": "Xi AND Putin", "urgent": "pipeline*"}
YAML = """\
contact: desk@example.org
allow_private: [127.0.0.0/8]
feeds: {{feed-0: {{url: '{feed}', every: 1s}}}}
channels:
  siem: {{type: webhook, url: '{hook}', retry: {{first: 1s, factor: 1, max: 1s, for: 1h}}}}
defaults: {{send: [siem]}}
rules:
  throttled: {{match: 'Xi AND Putin', throttle: {{max: 1, per: 3s}}}}
  urgent: {{match: 'pipeline*', throttle: {{max: 2, per: 2s}}}}
"""


def moody(chance: random.Random) -> Callable[[Request], Answer]:
    moods = (
        Answer(), drop_after(), drop_before(), status(500), status(429, retry_after="1")
    )  # fmt: skip
    return lambda _request: chance.choices(moods, weights=(60, 12, 12, 12, 4))[0]


def article(number: int) -> Article:
    what = "the pipeline" if number % 3 == 0 else "the weather"
    return Article("feed-0", f"n{number}", f"Xi and Putin met about {what} ({number})")


def telling(request: Request) -> Telling:
    body = request.json
    id_, data = request.header("webhook-id") or "", body["data"]
    match body["type"]:
        case "hit":
            return Telling("siem", id_, data["rule"]["name"], 1, (data["item"]["url"],))
        case "digest":
            shown = tuple(hit["item"]["url"] for hit in data["hits"])
            return Telling("siem", id_, data["rule"]["name"], data["count"], shown)
    return Telling("siem", id_)


def test_what_waits_in_digests_outlives_every_kill(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    with Newsroom(tmp_path) as news, Nursery() as nursery:
        news.configure(YAML.format(feed=news.url("feed-0"), hook=news.webhook.url))
        news.publish(Article("feed-0", "old", "Ministers met long ago"))
        assert wirewatch(tmp_path, "once").returncode == 0
        news.webhook.default = moody(chance)
        articles: list[Article] = []
        for number in range(KILLS):
            new = [article(4 * number + more) for more in range(4)]
            articles += new
            news.publish(*new)
            with Daemon(tmp_path, nursery, log_file=tmp_path / "daemon.log") as daemon:
                daemon.wait_ready()
                time.sleep(chance.uniform(0.1, 0.9))  # the moment is what is tested
                daemon.kill()
        told = dict.fromkeys(matching(articles, RULES), ("siem",))

        def all_told() -> bool:
            seen = [telling(request) for request in news.webhook.accepted]
            sums = Counter({one.id: one.count for one in seen})
            return sum(sums.values()) >= len(told)

        with Daemon(tmp_path, nursery, log_file=tmp_path / "daemon.log") as daemon:
            daemon.wait_ready()
            wait_until("every hit told", all_told, 60, 0.2)
            wait_until("nothing to send", lambda: not news.waiting(), 60, 0.1)
            assert daemon.stop() == 0
        assert "Traceback" not in daemon.log
        tellings = [telling(request) for request in news.webhook.accepted]
        assert any(one.count > 1 for one in tellings), "nothing was held"
        doubt = Counter({one.id: len(tellings) for one in tellings})
        check_tellings(news.database, Plan(told, unsure=doubt), tellings, over=True)
