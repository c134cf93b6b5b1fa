"""The local stack: Redis, Ray Serve and the gateway as children of one foreground command."""
