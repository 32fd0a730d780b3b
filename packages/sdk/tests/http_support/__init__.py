"""What the tests of the HTTP hook share."""
