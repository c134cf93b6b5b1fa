"""One contract for the shipped substrates of all kinds of materials."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from epitaxy_models.calibration.verdict import DomainVerdict
from epitaxy_models.errors import CheckpointError, ConfigurationError, InvalidMaterialError, UnsupportedElementError
from epitaxy_models.materials.kind import MaterialKind
from epitaxy_models.structures import TextFormat, read_single
from epitaxy_models.substrates.artifact import load_material_artifact
from epitaxy_models.substrates.shipped import pretrained_folder, shipped_substrate
from epitaxy_models.substrates.substrate import Substrate
from epitaxy_models.testing.material_golden import MaterialGolden

GOLDEN = Path(__file__).parents[3] / "golden"
_ROCK_SALT = """NaCl
1.0
5.64 0 0
0 5.64 0
0 0 5.64
Na Cl
4 4
Direct
0 0 0
0 .5 .5
.5 0 .5
.5 .5 0
.5 0 0
0 .5 0
0 0 .5
.5 .5 .5
"""
_PRIMITIVE = """NaCl
1.0
0 2.82 2.82
2.82 0 2.82
2.82 2.82 0
Cl Na
1 1
Direct
0 0 0
.5 .5 .5
"""
# Two writings of one material, another one, and what is refused.
CASES = {
    MaterialKind.STRUCTURE: (
        _ROCK_SALT,
        _PRIMITIVE,
        _ROCK_SALT.replace("Na", "K").replace("5.64", "6.29"),
        "data_nothing",
    ),
    MaterialKind.MOLECULE: ("OC(=O)c1ccccc1", "c1ccc(cc1)C(=O)O", "CCO", "c1ccc"),
    MaterialKind.POLYMER: ("*CC(*)c1ccccc1", "*C(c1ccccc1)CC(c1ccccc1)C*", "*OCC*", "*CC"),
    MaterialKind.COMPOSITION: ("Al0.25 Co1 Fe1 Ni1", "Ni4Fe4Co4Al", "Fe2O3", "Fe2Xx3"),
}


@pytest.fixture(params=list(MaterialKind), ids=str)
def kind(request: pytest.FixtureRequest) -> MaterialKind:
    return MaterialKind(request.param)


@pytest.fixture
def substrate(kind: MaterialKind) -> Substrate[Any]:
    return shipped_substrate(kind)


def test_one_material_has_one_key_and_one_embedding(kind: MaterialKind, substrate: Substrate[Any]) -> None:
    one, same, other, _ = (CASES[kind][place] for place in range(4))
    materials = [substrate.intake(text) for text in (one, same, other)]
    first, second, third = (substrate.key(material) for material in materials)
    assert first == second != third
    found = substrate.embed([substrate.featurize(material) for material in materials])
    np.testing.assert_allclose(found[0], found[1], atol=2e-4, rtol=0)
    assert np.abs(found[0] - found[2]).max() > 0.05


def test_what_cannot_be_used_is_refused(kind: MaterialKind, substrate: Substrate[Any]) -> None:
    with pytest.raises(InvalidMaterialError, match=r"\w{3}"):
        substrate.intake(CASES[kind][3])


def test_an_answer_does_not_depend_on_its_batch(kind: MaterialKind, substrate: Substrate[Any]) -> None:
    materials = [substrate.intake(CASES[kind][place]) for place in (0, 2)]
    graphs = [substrate.featurize(material) for material in materials]
    together = substrate.embed(graphs * 3)
    alone = np.concatenate([substrate.embed([graph]) for graph in graphs])
    np.testing.assert_allclose(together[:2], alone, atol=1e-5, rtol=0)
    assert substrate.embed([]).shape == (0, *alone.shape[1:])


def test_predictions_are_calibrated_and_wider_for_more_coverage(kind: MaterialKind, substrate: Substrate[Any]) -> None:
    materials = [substrate.intake(CASES[kind][place]) for place in (0, 2)]
    graphs = [substrate.featurize(material) for material in materials]
    embeddings = substrate.embed(graphs)
    wide, narrow = (substrate.predict(materials, graphs, embeddings, coverage) for coverage in (0.9, 0.5))
    assert wide.values.shape == (2, len(substrate.card.properties))
    assert (wide.lower <= wide.values).all()
    assert (wide.values <= wide.upper).all()
    assert ((wide.upper - wide.lower) >= (narrow.upper - narrow.lower)).all()
    assert {domain.verdict for domain in wide.domains} == {DomainVerdict.IN_DOMAIN}
    heads = substrate.foretell(materials, graphs, embeddings)
    assert heads.shape == (2, len(substrate.card.heads))
    served = [entry.head for entry in substrate.card.properties]
    inside = (wide.lower < wide.values) & (wide.values < wide.upper)
    np.testing.assert_allclose(np.where(inside, heads[:, served], 0), np.where(inside, wide.values, 0), atol=1e-4)
    with pytest.raises(ConfigurationError, match=r"between 0\.5 and 0\.99"):
        substrate.predict(materials, graphs, embeddings, 0.3)


def test_cards_say_what_the_weights_come_from(substrate: Substrate[Any]) -> None:
    card = substrate.card
    assert card.backbone.n_members == 5
    assert card.training_data.attribution
    assert card.training_data.license
    assert card.training_data.n_test > 0
    for entry in card.properties:
        assert abs(entry.measured_coverage - 0.9) < 0.06, entry.definition.name
        assert entry.metrics["mae"] < entry.metrics["mean_absolute_deviation"], entry.definition.name


@pytest.mark.parametrize("name", ["substrate-molecule", "substrate-composition"])
def test_golden_answers_stand(name: str) -> None:
    recorded = MaterialGolden.read(GOLDEN / f"{name}.json")
    found = MaterialGolden.of(shipped_substrate(recorded.kind), recorded.kind, list(recorded.answers))
    assert found.digest == recorded.digest
    assert recorded.differences(found) == []


def test_new_substrates_are_small() -> None:
    folders = [pretrained_folder(name) for name in ("substrate-molecule", "substrate-composition")]
    assert sum(path.stat().st_size for folder in folders for path in folder.iterdir()) < 20e6


def test_a_composition_of_unseen_elements_is_foreign() -> None:
    substrate = shipped_substrate(MaterialKind.COMPOSITION)
    material = substrate.intake("Po2O3")
    graph = substrate.featurize(material)
    verdict = substrate.predict([material], [graph], substrate.embed([graph]), 0.9).domains[0]
    assert verdict.verdict is DomainVerdict.OUT_OF_DOMAIN
    assert "Po" in verdict.reason


def test_a_molecule_of_an_unknown_element_is_refused() -> None:
    substrate = shipped_substrate(MaterialKind.MOLECULE)
    with pytest.raises(UnsupportedElementError, match="knows no Pt"):
        substrate.featurize(substrate.intake("C[Pt]C"))


def test_a_damaged_folder_is_refused(tmp_path: Path) -> None:
    source = pretrained_folder("substrate-composition")
    with pytest.raises(CheckpointError, match="no readable model"):
        load_material_artifact(tmp_path)
    (tmp_path / "weights.safetensors").write_bytes((source / "weights.safetensors").read_bytes())
    card = json.loads((source / "card.json").read_text())
    (tmp_path / "card.json").write_text(json.dumps(card | {"heads": card["heads"][:-1]}))
    with pytest.raises(CheckpointError, match="heads, other than its card names"):
        load_material_artifact(tmp_path)


def test_no_substrate_is_for_another_kind() -> None:
    with pytest.raises(ConfigurationError, match="no substrate is for materials of kind 'glass'"):
        shipped_substrate("glass")


def test_the_crystal_substrate_answers_as_it_did() -> None:
    """The contract changes nothing: the parts that serving calls give the same numbers."""
    from epitaxy_models.ensembles.embedder import Embedder
    from epitaxy_models.ensembles.readout import CalibratedReadout
    from epitaxy_models.graphs.graph import build_graph

    substrate = shipped_substrate(MaterialKind.STRUCTURE)
    structure = read_single(_ROCK_SALT, TextFormat.POSCAR).structure
    embeddings = Embedder(substrate.artifact)([build_graph(structure, substrate.card.rule)])
    expected = CalibratedReadout(substrate.artifact)(embeddings, [structure], 0.9)
    material = substrate.intake(_ROCK_SALT)
    graph = substrate.featurize(material)
    found = substrate.predict([material], [graph], substrate.embed([graph]), 0.9)
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.upper, expected.upper)
