"""Alembic's entry: runs the migrations on the connection that `auction.books.migrate` opened, in its transaction."""

from alembic import context

from auction.books.tables import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("Migrations run at every start of `auction`, or by auction.books.migrate.upgrade(url).")

context.configure(connection=connection, target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
