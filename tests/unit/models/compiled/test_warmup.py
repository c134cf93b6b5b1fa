"""After the warm-up nothing is compiled any more, whatever kind of array a structure brings."""

import subprocess
import sys

# In a process of its own: other tests hand kernels other arrays.
PROGRAM = """
import sys

import numpy as np
from numba.core.registry import CPUDispatcher

from epitaxy_models import warmup
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.ensembles.readout import CalibratedReadout
from epitaxy_models.graphs.graph import build_graph, build_graph_with_origins
from epitaxy_models.structures import Structure, check_structure, pack_structures, unpack_structures
from epitaxy_models.testing.specimens import specimens
from epitaxy_models.transfer.descriptors import describe


def compiled():
    return {
        (kernel.__module__, kernel.__name__, str(signature))
        for name, module in list(sys.modules.items())
        if name.startswith("epitaxy_models")
        for kernel in vars(module).values()
        if isinstance(kernel, CPUDispatcher)
        for signature in kernel.signatures
    }


warmup.warm_networks()
warmup.warm_descriptors()
warm = compiled()
own = list(specimens().values())
packed = list(unpack_structures(*pack_structures(own)))
fortran = [Structure(np.asfortranarray(s.lattice), s.atomic_numbers, np.asfortranarray(s.frac_coords)) for s in own]
artifact = load_artifact(shipped_model())
embedder, readout = Embedder(artifact), CalibratedReadout(artifact)
for structures in (own[:1], own, packed[:1], packed, fortran):
    checked = [check_structure(structure).structure for structure in structures]
    readout(embedder([build_graph(s, artifact.card.rule) for s in checked]), checked, 0.9)
    for structure in checked:
        build_graph_with_origins(structure)
    describe(structures)
print(len(warm), *sorted(compiled() - warm), sep="\\n")
"""


def test_no_structure_brings_an_array_that_a_kernel_was_not_compiled_for() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    number, *new = done.stdout.splitlines()
    assert int(number) > 20
    assert new == []
