"""`wirewatch run`: the daemon."""

from __future__ import annotations

import asyncio

from monitor.cli.common import (
    CANNOT_START,
    TRY_LATER,
    ConfigPath,
    config_path,
    fail,
    load_config,
)


def command(config: ConfigPath = None) -> None:
    """Watch until told to stop: SIGTERM ends cleanly, SIGHUP reads the configuration again."""
    import sqlalchemy as sa

    from monitor import daemon
    from monitor.config import require_contact
    from monitor.database import DatabaseError, told
    from monitor.logs import Redactor, set_up
    from rules import RuleErrors

    checked = load_config(config, code=CANNOT_START)
    redact = Redactor()
    redact.learn(checked.secrets)
    set_up(checked.log_level, redact)
    try:
        require_contact(checked)
        asyncio.run(daemon.run(checked, config_path(config), redact))
    except RuleErrors as errors:
        fail(str(errors), CANNOT_START)
    except DatabaseError as error:
        fail(str(error), TRY_LATER if error.passes else CANNOT_START)
    except sa.exc.DatabaseError as error:
        fail(str(told(error, checked.database)), TRY_LATER)
