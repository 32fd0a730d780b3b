"""The pages a person reads: server-rendered, each one a URL, asking only `query` and `access`."""
