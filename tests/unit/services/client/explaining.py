"""Explanations as a server would send them: every number differs, so that none can stand for another."""

import numpy as np

from epitaxy.api.common.v1 import model_pb2, property_pb2, structure_pb2
from epitaxy.api.prediction.v1 import explanation_pb2

LATTICE = np.diag([3.9, 3.9, 4.1])
FRAC = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]])
NUMBERS = (38, 22, 8, 8, 8)


def response(*results: explanation_pb2.ExplanationResult, name: str = "formation_energy"):
    definition = property_pb2.PropertyDefinition(name=name, unit="eV/atom", level_of_theory="PBE, 2018")
    stamp = model_pb2.ModelStamp(name="substrate", version="1", digest="sha256:1")
    return explanation_pb2.ExplainResponse(model=stamp, property=definition, results=results)


def explanation(*, is_faithful: bool = True, n_random_orders: int = 20, n_nearest: int = 2):
    """Of SrTiO3."""
    values = (-1.9, -2.1, -0.3, -0.2, 0.4)
    shells = [(8, 22, 1.95, 2.0, -1.6, 0.11), (8, 38, 2.76, 4.0, 0.7, 0.12)]
    reason = "" if is_faithful else "it changes the prediction no faster than 40% of 20 random orders do"
    return explanation_pb2.Explanation(
        reduced_formula="SrTiO3",
        value=-2.5,
        baseline=1.6,
        completeness_error=0.01,
        sites=[
            explanation_pb2.SiteContribution(atomic_number=number, value=value, std=0.05 + index / 100)
            for index, (number, value) in enumerate(zip(NUMBERS, values, strict=True))
        ],
        elements=[
            explanation_pb2.ElementContribution(atomic_number=22, n_sites=1, value=-2.1, std=0.06),
            explanation_pb2.ElementContribution(atomic_number=38, n_sites=1, value=-1.9, std=0.05),
            explanation_pb2.ElementContribution(atomic_number=8, n_sites=3, value=-0.1, std=0.3),
        ],
        shells=[
            explanation_pb2.ShellContribution(
                first_atomic_number=first,
                second_atomic_number=second,
                distance_angstrom=distance,
                coordination=coordination,
                value=value,
                std=std,
            )
            for first, second, distance, coordination, value, std in shells
        ],
        faithfulness=explanation_pb2.Faithfulness(
            deletion=0.8,
            insertion=0.7,
            random_deletion=0.6,
            random_insertion=0.4,
            beats_random=1.0 if is_faithful else 0.6,
            n_parts=9,
            n_random_orders=n_random_orders,
            is_faithful=is_faithful,
            reason=reason,
        ),
        nearest=[
            explanation_pb2.NearestMaterial(
                id=f"mp-{index}",
                formula="BaTiO3",
                space_group=221,
                distance=0.5 + index,
                labels={"formation_energy": -3.5, "band_gap": 1.8} if index == 0 else {},
            )
            for index in range(n_nearest)
        ],
        structure=structure_pb2.PackedStructures(
            n_sites=np.array([5], dtype="<u4").tobytes(),
            lattices_angstrom=LATTICE.astype("<f8").tobytes(),
            atomic_numbers=bytes(NUMBERS),
            frac_coords=FRAC.astype("<f8").tobytes(),
        ),
    )


def material():
    """Of acetonitrile, at a pressure."""
    return explanation_pb2.Explanation(
        kind=structure_pb2.MATERIAL_KIND_MOLECULE,
        reduced_formula="CC#N",
        value=355.0,
        baseline=231.0,
        baseline_material="CCC",
        baseline_description="the saturated hydrocarbon of the same skeleton <all carbon>",
        method="Shapley values of 3 parts, exact: all 8 variants were predicted",
        sampling_error=0.25,
        atoms=[
            explanation_pb2.AtomContribution(atomic_number=number, index=index, value=value, std=value / 10)
            for index, (number, value) in enumerate([(6, 0.0), (6, 0.0), (7, 90.0)])
        ],
        bonds=[
            explanation_pb2.BondContribution(first_index=0, second_index=1, order=1.0),
            explanation_pb2.BondContribution(first_index=1, second_index=2, order=3.0, value=24.0, std=2.0),
        ],
        elements=[explanation_pb2.ElementContribution(atomic_number=7, n_sites=1, value=90.0, std=9.0)],
        conditions=[
            explanation_pb2.ConditionContribution(name="pressure", text="1.5", unit="bar", value=10.0, std=1.0)
        ],
        faithfulness=explanation_pb2.Faithfulness(n_parts=3, reason="only 3 parts"),
        drawing_svg="<svg viewBox='0 0 1 1'><path d='M0 0'/></svg>",
        model=model_pb2.ModelStamp(name="substrate-molecule", version="1", digest="sha256:2"),
        property=property_pb2.PropertyDefinition(name="boiling_point", unit="K", level_of_theory="measured"),
    )
