"""The science of Epitaxy: structures, graphs, networks, calibration, training. Talks to no network."""
