"""Revision 0003: how many rows a rollup was made of."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL as it stands, through the driver: it holds many statements and no parameters."""
    sql = (Path(__file__).parent.parent / "sql" / "0003_kept.sql").read_text(encoding="utf-8")
    op.get_bind().connection.cursor().execute(sql)


def downgrade() -> None:
    """Refuse to go back: restore a backup instead."""
    raise NotImplementedError("migrations only go forward; restore a backup taken before the upgrade")
