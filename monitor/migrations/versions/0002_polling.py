"""What polling well needs to remember: hints, rhythm, moves, gaps, recent polls; links and titles
by which an item is known again."""

import sqlalchemy as sa
from alembic import op

from monitor.canonical import canonical_link, title_key

revision = "0002"
down_revision = "0001"

_AT = sa.DateTime(timezone=True)
# Tables are changed in place ("never"): a recreated one is dropped first, which foreign keys from
# its rows forbid; a default that is an expression, such as false(), would have it recreated.


def upgrade() -> None:
    with op.batch_alter_table("feeds", recreate="never") as table:
        table.add_column(sa.Column("asked_url", sa.Text(), nullable=True))
        for name in ("ttl_s", "sy_s", "rhythm_s", "longest_s"):
            table.add_column(sa.Column(name, sa.Integer(), nullable=True))
        for name in ("skip_hours", "skip_days", "slowed"):
            table.add_column(sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
        for name in ("last_new_at", "unchanged_since", "probed_at", "gap_at", "held_until"):
            table.add_column(sa.Column(name, _AT, nullable=True))
        table.add_column(sa.Column("told_stale_at", _AT, nullable=True))
        for name in ("validators_lie", "told_together"):
            table.add_column(sa.Column(name, sa.Boolean(), nullable=False, server_default="0"))
        table.add_column(sa.Column("recent_polls", sa.Text(), nullable=False, server_default="[]"))
    with op.batch_alter_table("items", recreate="never") as table:
        for name in ("canonical", "title_key"):
            table.add_column(sa.Column(name, sa.Text(), nullable=False, server_default=""))
            table.create_index(f"ix_items_{name}", [name])
    with op.batch_alter_table("sightings", recreate="never") as table:
        table.add_column(sa.Column("text_hash", sa.Text(), nullable=False, server_default=""))
    with op.batch_alter_table("deliveries", recreate="never") as table:
        table.add_column(sa.Column("held_by", sa.Text(), nullable=False, server_default=""))
    _mark_items(op.get_bind())


_BATCH = 1000
_ITEMS = sa.table(
    "items", *(sa.column(name) for name in ("id", "url", "title", "canonical", "title_key"))
)


def _mark_items(connection: sa.Connection) -> None:
    """Give the items that are stored what new ones get, so that they are known again too."""
    page = sa.select(_ITEMS.c.id, _ITEMS.c.url, _ITEMS.c.title).order_by(_ITEMS.c.id).limit(_BATCH)
    mark = (
        sa.update(_ITEMS)
        .where(_ITEMS.c.id == sa.bindparam("of"))
        .values(canonical=sa.bindparam("link"), title_key=sa.bindparam("words"))
    )
    last = ""
    while rows := connection.execute(page.where(_ITEMS.c.id > last)).all():
        marks = [
            {"of": row.id, "link": canonical_link(row.url), "words": title_key(row.title)}
            for row in rows
        ]
        connection.execute(mark, marks)
        last = rows[-1].id
