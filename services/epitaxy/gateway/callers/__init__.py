"""Who may call: keys of the tenants file, and what each call needs."""
