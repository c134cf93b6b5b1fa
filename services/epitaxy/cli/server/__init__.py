"""Commands about a server: how large it has to be, what it lets you do, and what its administrators do."""
