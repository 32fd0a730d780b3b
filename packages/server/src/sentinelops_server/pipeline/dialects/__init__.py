"""One module per vocabulary of attributes; each turns a span into the canonical request."""
