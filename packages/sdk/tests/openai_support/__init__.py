"""What the tests of the openai instrumentation stand on: a provider, a receiver, and the list of the client's doors."""
