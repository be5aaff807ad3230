"""Runs the steps on the connection it is handed; the caller opens the transaction, so a step happens whole or not."""

from alembic import context

from holdfast.history.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
