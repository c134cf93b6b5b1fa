"""Features of structures, for services that learn from them."""
