"""People's side: identity, the HTTP API that the CLI speaks to, and the pages."""
