"""A Bedrock that speaks the real wire format on a local port, and the two clients that talk to it."""
