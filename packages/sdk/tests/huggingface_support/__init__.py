"""What the tests of the huggingface instrumentation stand on: servers' formats, and the list of the client's doors."""
