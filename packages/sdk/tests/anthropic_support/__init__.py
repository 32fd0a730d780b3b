"""A provider that speaks the Anthropic wire format, and what the tests of its wrapper share."""
