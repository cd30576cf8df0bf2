"""Payment operations at the provider, and what their outcomes do to deposits."""
