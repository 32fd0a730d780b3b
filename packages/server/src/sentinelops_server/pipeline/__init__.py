"""From OTLP bytes to stored rows: decode, dialect, normalise, redact, price, store, meter."""
