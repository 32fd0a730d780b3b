"""One module a room of the pages: it reads the URL, asks `query`, and fills a template."""
