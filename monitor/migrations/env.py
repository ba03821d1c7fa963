"""Alembic's entry: migrates the connection it is given, in that connection's transaction."""

from __future__ import annotations

from alembic import context
from sqlmodel import SQLModel

from monitor import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()

del tables  # imported so that the metadata is full
