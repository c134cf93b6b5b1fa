"""Registry of tenants' models: a library that services share, as they share the chassis."""
