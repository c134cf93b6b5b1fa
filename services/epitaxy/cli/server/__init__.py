"""Commands about a server: a try of one, how large it has to be, what it lets you do, what its administrators do."""
