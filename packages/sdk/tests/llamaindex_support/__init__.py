"""A provider and models of LlamaIndex that ask it, and what the tests of its wrapper share."""
