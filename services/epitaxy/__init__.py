"""Everything of Epitaxy that talks to a network."""
