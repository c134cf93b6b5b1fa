"""What the cards of the substrates of molecules and compositions say of their data."""

from dataclasses import dataclass

from epitaxy_models.graphs.atom_kinds import shipped_kinds
from epitaxy_models.graphs.molecule_graph import shipped_rule
from epitaxy_models.graphs.rules import CompositionRule, Rule
from epitaxy_models.structures.elements import SYMBOLS, symbol_of
from epitaxy_models.training.composition_tasks import COMPOSITION_TASKS
from epitaxy_models.training.molecule_tasks import MOLECULE_TASKS
from epitaxy_models.training.tasks import Task

SPLIT = "by canonical key (hash): 87 % train, 3 % validation, 5 % calibration, 5 % test"


@dataclass(frozen=True, slots=True)
class MaterialProfile:
    """One kind of substrate, as it is published.

    Attributes:
        name: Of the substrate.
        plural: What its materials are called.
        rule: Makes the graphs.
        tasks: Label columns of its pretraining.
        taught_only: Beginnings of the columns whose heads are left out of the model.
        node_names: Name of each kind of node.
        description: One line.
        license: Of weights and code.
        data: What it was pretrained on.
        attribution: Who is to be named.
        data_license: Licences of the sources.
    """

    name: str
    plural: str
    rule: Rule
    tasks: tuple[Task, ...]
    taught_only: tuple[str, ...]
    node_names: tuple[str, ...]
    description: str
    license: str
    data: str
    attribution: str
    data_license: str

    def is_kept(self, task: Task) -> bool:
        """Whether the head of a task goes into the model."""
        return not task.column.startswith(self.taught_only)


def molecule_profile() -> MaterialProfile:
    """The substrate of molecules and polymers."""
    return MaterialProfile(
        name="substrate-molecule",
        plural="molecules",
        rule=shipped_rule(),
        tasks=MOLECULE_TASKS,
        taught_only=("rdkit_", "qm_vib"),
        node_names=shipped_kinds().names,
        description="Substrate: five message-passing networks pretrained on graphs of small molecules",
        license="Code: Apache-2.0; weights: internal use, until the terms of the measured data are settled",
        data=(
            "QM9 (a sample), the Harvard Clean Energy Project, MOSES (a sample), and molecules with measured "
            "properties in the package chemicals; without the molecules of the shared solubility set"
        ),
        attribution=(
            "Ramakrishnan et al., Sci. Data 1, 140022 (2014), by qm9pack; Hachmann et al., J. Phys. Chem. Lett. 2, "
            "2241 (2011), by HIPS/neural-fingerprint; Polykovskiy et al., Front. Pharmacol. 11, 565644 (2020), by "
            "molsets; Bell et al., chemicals 1.5.2: Open Notebook melting points (CC0), Wikidata (CC0), Yaws boiling "
            "points and critical constants, CRC Handbook tables, Syracuse Research partition coefficients, Hansen "
            "parameters of four compilations, Gharagheizi enthalpies of phase change; labels of structure by RDKit"
        ),
        data_license=(
            "QM9: CC-BY 4.0; Clean Energy Project and MOSES: MIT (repositories). The package chemicals is MIT; its "
            "tables are compilations of others: Open Notebook and Wikidata CC0, the handbooks (Yaws, CRC, VDI, Perry, "
            "Lange) commercial books without a known permission, the rest without a stated licence. See "
            "docs/data-provenance.md before the weights leave internal use"
        ),
    )


def composition_profile() -> MaterialProfile:
    """The substrate of compositions."""
    return MaterialProfile(
        name="substrate-composition",
        plural="formulas",
        rule=CompositionRule(),
        tasks=COMPOSITION_TASKS,
        taught_only=("direction_",),
        node_names=("", *(symbol_of(z) for z in range(1, len(SYMBOLS) + 1))),
        description="Substrate: five message-passing networks over the elements of a formula and their shares",
        license="Weights: CC-BY 4.0 (trained on Materials Project data); code: Apache-2.0",
        data=(
            "All formulas of Materials Project crystals with the labels of their most stable crystal and directions "
            "of substrate-mp's embedding of it; bulk moduli by formula; hybrid and GLLB-SC gaps. Without the formulas "
            "of the shared sets of measured gaps, alloys and steels"
        ),
        attribution=(
            "Jain et al., APL Materials 1, 011002 (2013), https://materialsproject.org; bulk moduli: Dunn et al., npj "
            "Comput. Mater. 6, 138 (2020); gaps: Chen et al., Nat. Comput. Sci. 1, 46 (2021)"
        ),
        data_license="CC-BY 4.0",
    )


PROFILES = {"molecule": molecule_profile, "composition": composition_profile}
