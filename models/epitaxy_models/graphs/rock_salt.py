"""One small crystal through intake and featurizer, to load their kernels before the first request does."""

import numpy as np

from epitaxy_models.graphs.graph import CrystalGraph, build_graph
from epitaxy_models.structures import Structure, check_structure


def featurize_rock_salt() -> CrystalGraph:
    """Graph of NaCl's primitive cell."""
    return build_graph(rock_salt())


def rock_salt() -> Structure:
    """NaCl's primitive cell (a = 5.64 Angstrom), checked as intake does."""
    lattice = 5.64 * (np.ones((3, 3)) - np.eye(3)) / 2
    salt = Structure(lattice, np.array([11, 17], dtype=np.uint8), np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]]))
    return check_structure(salt).structure
