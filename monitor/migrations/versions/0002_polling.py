"""What polling well needs to remember: hints, rhythm, moves, gaps, recent polls; links and titles
by which an item is known again."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("feeds") as table:
        table.add_column(sa.Column("asked_url", sa.Text(), nullable=True))
        for name in ("ttl_s", "sy_s", "rhythm_s", "longest_s"):
            table.add_column(sa.Column(name, sa.Integer(), nullable=True))
        for name in ("skip_hours", "skip_days", "slowed"):
            table.add_column(sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
        for name in ("last_new_at", "unchanged_since", "probed_at", "gap_at", "held_until"):
            table.add_column(sa.Column(name, _AT, nullable=True))
        table.add_column(sa.Column("told_stale_at", _AT, nullable=True))
        for name in ("validators_lie", "told_together"):
            table.add_column(
                sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())
            )
        table.add_column(sa.Column("recent_polls", sa.Text(), nullable=False, server_default="[]"))
    with op.batch_alter_table("items") as table:
        for name in ("canonical", "title_key"):
            table.add_column(sa.Column(name, sa.Text(), nullable=False, server_default=""))
            table.create_index(f"ix_items_{name}", [name])
    with op.batch_alter_table("sightings") as table:
        table.add_column(sa.Column("text_hash", sa.Text(), nullable=False, server_default=""))
    with op.batch_alter_table("deliveries") as table:
        table.add_column(sa.Column("held_by", sa.Text(), nullable=False, server_default=""))
