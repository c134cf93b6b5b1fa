"""Other substrates whose features may stand beside ours; each is an extra of its own and imported when asked for."""
