"""Revision 0001: spans, requests, their rollups and ledger, and who may ask."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL as it stands, through the driver: it holds many statements and no parameters."""
    sql = (Path(__file__).parent.parent / "sql" / "0001_main_line.sql").read_text(encoding="utf-8")
    op.get_bind().connection.cursor().execute(sql)


def downgrade() -> None:
    """Refuse to go back: restore a backup instead."""
    raise NotImplementedError("migrations only go forward; restore a backup taken before the upgrade")
