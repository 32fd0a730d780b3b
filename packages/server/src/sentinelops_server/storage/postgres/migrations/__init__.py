"""Alembic environment and the SQL of each revision."""
