"""How the tables in PostgreSQL came to be what they are: Alembic's steps, in order, in plain SQL."""
