"""Tables that the shipped substrates of molecules and compositions were pretrained on, built from their sources."""
