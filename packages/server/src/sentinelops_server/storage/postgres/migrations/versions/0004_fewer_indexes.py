"""Revision 0004: no index of request_id."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL as it stands, through the driver: it holds many statements and no parameters."""
    sql = (Path(__file__).parent.parent / "sql" / "0004_fewer_indexes.sql").read_text(encoding="utf-8")
    op.get_bind().connection.cursor().execute(sql)


def downgrade() -> None:
    """Refuse to go back: restore a backup instead."""
    raise NotImplementedError("migrations only go forward; restore a backup taken before the upgrade")
