"""The database of the ledger: migrations, functions, views and roles, as plain SQL files."""
