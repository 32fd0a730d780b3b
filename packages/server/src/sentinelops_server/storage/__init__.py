"""What is kept: PostgreSQL and the payload store, each behind a small port."""
