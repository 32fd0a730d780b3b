"""Pure arithmetic over numbers that others fetched."""
