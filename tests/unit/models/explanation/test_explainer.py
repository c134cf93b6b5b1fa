"""What surrounds the contributions: bounds, known materials, crystals that cannot be tested."""

import numpy as np
import pytest

from epitaxy_models.errors import InvalidStructureError, UnknownPropertyError
from epitaxy_models.explanation import explainer as module
from epitaxy_models.explanation.explainer import Explainer
from epitaxy_models.structures import Structure

ENERGY = "formation_energy"


def test_a_single_atom_says_that_it_is_untested(explainer, crystals) -> None:
    found = explainer(crystals["lone_atom"], ENERGY, 0)
    assert len(found.sites) == 1
    assert found.shells == ()
    assert not found.faithfulness.is_faithful
    assert found.faithfulness.reason == "only 1 part: too few for an order of them to be tested"


def test_a_crystal_of_too_many_neighbours_is_refused_with_the_remedy(explainer, crystals, monkeypatch) -> None:
    monkeypatch.setattr(module, "MAX_EDGES", 100)
    with pytest.raises(InvalidStructureError, match="are more than the 100 that can be explained: give") as refused:
        explainer(crystals["triclinic"], ENERGY, 0)
    assert refused.value.reason == "TOO_LARGE_TO_EXPLAIN"
    assert explainer(crystals["rock_salt"], ENERGY, 0).sites


def test_an_unknown_property_is_refused_by_name(explainer, crystals) -> None:
    with pytest.raises(UnknownPropertyError, match="the model has no hardness; it has formation_energy, band_gap"):
        explainer(crystals["rock_salt"], "hardness", 0)


def test_a_known_material_is_its_own_nearest_with_its_labels(explainer) -> None:
    """KMgF3, which is in the training data as mp-3448."""
    frac = [[0.0] * 3, [0.5] * 3, [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]]
    structure = Structure(3.99 * np.eye(3), np.array([19, 12, 9, 9, 9], dtype=np.uint8), np.array(frac))
    nearest = explainer(structure, ENERGY, 6).nearest
    assert len(nearest) == 6
    distances = [material.distance for material in nearest]
    assert distances == sorted(distances)
    first = nearest[0]
    assert (first.id, first.formula, first.space_group) == ("mp-3448", "KMgF3", 221)
    assert first.labels[ENERGY] == pytest.approx(-3.564)
    assert explainer(structure, ENERGY, 0).nearest == ()


def test_a_model_without_a_source_index_names_no_materials(artifact, crystals, tmp_path) -> None:
    assert Explainer(artifact, tmp_path)(crystals["rock_salt"], ENERGY, 5).nearest == ()


def test_an_explanation_is_the_same_every_time(explainer, crystals) -> None:
    assert explainer(crystals["wurtzite"], ENERGY, 3) == explainer(crystals["wurtzite"], ENERGY, 3)
