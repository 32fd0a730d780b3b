"""Who may ask: keys, browser sessions, scopes."""
