"""The HTTP API and its gate."""
