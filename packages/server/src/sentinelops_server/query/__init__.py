"""One function per question; each returns plain data."""
