"""`wirewatch once`: one round, for cron and for trying out."""

from __future__ import annotations

import asyncio

from monitor.cli.common import ConfigPath, fail, load_config


def command(config: ConfigPath = None) -> None:
    """Poll what is due (a new feed at once), deliver what is due, and end with 0. Feeds and sends
    that fail are state, shown by `feeds` and `deliveries`, not an error of this command."""
    from monitor import daemon
    from monitor.config import require_contact
    from monitor.database import DatabaseError
    from monitor.logs import Redactor, set_up
    from rules import RuleErrors

    checked = load_config(config)
    redact = Redactor()
    redact.learn(checked.secrets)
    set_up(checked.log_level, redact)
    try:
        require_contact(checked)
        asyncio.run(daemon.once(checked, redact))
    except RuleErrors as errors:
        fail(str(errors))
    except DatabaseError as error:
        fail(str(error))
