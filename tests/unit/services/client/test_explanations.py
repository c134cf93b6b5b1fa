"""Explanations as a caller gets them: values in their places, pictures and pages that show them."""

import dataclasses
import json
import subprocess
import sys
from html.parser import HTMLParser
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from epitaxy.client import AsyncClient, Client, Explanation, InvalidRequestError, molecule
from epitaxy.client.explanations.scene import Ball, colour_of, scene_of

Crystal = Any


def crystals(*ids: str) -> list[tuple[str, Crystal]]:
    structure = (
        np.eye(3) * 3.9,
        [38, 22, 8, 8, 8],
        [[0, 0, 0], [0.5] * 3, [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]],
    )
    return [(name, structure) for name in ids]


@pytest.fixture
def explanation(target: str) -> Explanation:
    with Client(target) as client:
        return client.explain(crystals("perovskite"))[0]


def test_structures_are_explained_in_order_beside_refused_ones(connect: Any, target: str, faults: Any) -> None:
    with connect(target) as client:
        found = client.explain(crystals("a", "bad", "odd"), "band_gap", n_nearest=3)
    assert [one.id for one in found] == ["a", "bad", "odd"]
    assert [one.index for one in found] == [0, 1, 2]
    assert [one.is_faithful for one in found] == [True, False, False]
    assert found[1].error is not None
    assert found[1].error.reason == "PARTIAL_OCCUPANCY"
    assert (found[0].property_name, len(found[0].nearest)) == ("band_gap", 3)
    # A message each: none shares another's deadline.
    assert len(faults.seen_metadata) == 3


def test_every_value_is_in_its_place(explanation: Explanation) -> None:
    assert (explanation.value, explanation.baseline, explanation.completeness_error) == (-2.5, 1.6, 0.01)
    assert [(site.element, site.value) for site in explanation.sites] == [
        ("Sr", -1.9), ("Ti", -2.1), ("O", -0.3), ("O", -0.2), ("O", 0.4),
    ]  # fmt: skip
    assert explanation.sites[3].position == (0.5, 0.0, 0.5)
    assert explanation.sites[3].std == pytest.approx(0.08)
    assert [(one.element, one.n_sites, one.value, one.std) for one in explanation.elements][2] == ("O", 3, -0.1, 0.3)
    shell = explanation.shells[1]
    assert (shell.label, shell.coordination, shell.value, shell.std) == ("O–Sr 2.76 Å", 4.0, 0.7, 0.12)
    assert explanation.nearest[0].labels == {"formation_energy": -3.5, "band_gap": 1.8}
    assert (explanation.nearest[0].space_group, explanation.nearest[0].distance) == (221, 0.5)
    assert explanation.lattice[2] == (0.0, 0.0, 4.1)
    assert (explanation.model, explanation.model_digest) == ("substrate", "sha256:1")


def test_results_are_frozen_and_written_as_json(explanation: Explanation) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError, match="value"):
        explanation.value = 3.0  # type: ignore[misc]
    record = json.loads(json.dumps(dataclasses.asdict(explanation)))
    assert record["faithfulness"]["is_faithful"] is True
    assert len(record["sites"]) == 5


def test_the_verdict_is_told_in_words(connect: Any, target: str) -> None:
    with connect(target) as client:
        good, odd = client.explain(crystals("a", "odd"))
    assert good.faithfulness is not None
    assert odd.faithfulness is not None
    assert good.faithfulness.in_words().startswith("Faithful: taking parts away in this order changes the prediction")
    assert odd.faithfulness.in_words() == (
        "Not faithful, do not rely on it: it changes the prediction no faster than 40% of 20 random orders do"
    )
    untested = dataclasses.replace(odd.faithfulness, n_random_orders=0)
    assert untested.in_words().startswith("Not tested, do not rely on it")


@pytest.mark.parametrize(("arguments", "reason"), [({"n_nearest": 0}, "NEAREST"), ({"n_nearest": 21}, "NEAREST")])
def test_what_the_client_can_refuse_is_not_sent(
    connect: Any, target: str, faults: Any, arguments: dict, reason: str
) -> None:
    with connect(target) as client, pytest.raises(InvalidRequestError, match="give 1 to 20") as refused:
        client.explain(crystals("a"), **arguments)
    assert reason in refused.value.reason
    assert faults.seen_metadata == []


def test_an_unknown_property_is_refused_by_the_server(connect: Any, target: str) -> None:
    with connect(target) as client, pytest.raises(InvalidRequestError, match="unknown property hardness"):
        client.explain(crystals("a"), "hardness")


async def test_the_async_client_explains_as_the_blocking_one(small_server: ModuleType, faults: Any) -> None:
    async with small_server.serving(faults) as target, AsyncClient(target) as client:
        found = await client.explain(crystals("a", "bad"), n_nearest=1)
    assert [one.error is None for one in found] == [True, False]
    assert len(found[0].nearest) == 1


def test_atoms_on_faces_are_drawn_on_all_of_them(explanation: Explanation) -> None:
    balls = [part for part in scene_of(explanation).parts if isinstance(part, Ball)]
    drawn = {name: sum(ball.site.element == name for ball in balls) for name in ("Sr", "Ti", "O")}
    assert drawn == {"Sr": 8, "Ti": 1, "O": 6}
    depths = [part.depth for part in scene_of(explanation).parts]
    assert depths == sorted(depths)


def test_colours_go_from_blue_over_white_to_red() -> None:
    low, middle, high = (colour_of(value, 2.0) for value in (-2.0, 0.0, 5.0))
    assert (low, middle, high) == ("#2166ac", "#f5f5f2", "#b2182b")
    assert colour_of(1.0, 2.0) not in (middle, high)


def test_the_picture_shows_atoms_bars_and_the_verdict(explanation: Explanation, tmp_path: Any) -> None:
    figure = explanation.plot()
    texts = {text.get_text() for axes in figure.axes for text in (*axes.texts, *axes.get_yticklabels())}
    assert {"Sr", "Ti", "O", "Ti (1)", "O (3)", "O–Ti 1.95 Å"} <= texts
    bars = [patch for axes in figure.axes for patch in axes.patches if type(patch).__name__ == "Rectangle"]
    assert sorted(bar.get_width() for bar in bars) == pytest.approx([-2.1, -1.9, -1.6, -0.1, 0.7])
    assert figure.get_supxlabel().startswith("Faithful: ")
    figure.savefig(tmp_path / "explanation.png", dpi=60)
    assert (tmp_path / "explanation.png").stat().st_size > 10_000


class Page(HTMLParser):
    """Text and tags of a page; an unclosed tag fails."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        names = dict(attrs)
        assert not {"src", "href"} & set(names)
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_is_whole_loads_nothing_and_says_what_the_values_are(explanation: Explanation) -> None:
    page = Page(explanation.to_html())
    text = " ".join("".join(page.words).split())
    assert "script" not in page.tags
    assert page.tags.count("circle") == 2 * 15
    for part in ("formation energy -2.500 eV/atom", "-2.100 ± 0.060", "O–Sr 2.76 Å × 4", "mp-0", "BaTiO3", "-3.500"):
        assert part in text, part
    assert "Because it resembles these known materials" in text
    assert "Faithful: taking parts away" in text
    assert explanation.to_html().startswith("<!doctype html>")
    assert "<!doctype" not in explanation._repr_html_()


def test_a_page_escapes_what_others_wrote(explanation: Explanation) -> None:
    foreign = dataclasses.replace(explanation, id="<script>alert(1)</script>", level_of_theory='"><img src=x>')
    assert "<script>" not in foreign.to_html()
    assert "<img" not in foreign.to_html()


@pytest.fixture
def nitrile(target: str) -> Explanation:
    with Client(target) as client:
        return client.explain([("CC#N", molecule("CC#N"))], conditions={"pressure": (1.5, "bar")})[0]


def test_a_molecule_is_explained_by_atom_bond_and_condition(nitrile: Explanation) -> None:
    assert (nitrile.kind, nitrile.is_crystal, nitrile.formula) == ("molecule", False, "CC#N")
    assert (nitrile.model, nitrile.property_name, nitrile.unit) == ("substrate-molecule", "boiling_point", "K")
    assert [(atom.element, atom.index, atom.value) for atom in nitrile.atoms][2] == ("N", 2, 90.0)
    assert [(bond.first_index, bond.second_index, bond.order, bond.value) for bond in nitrile.bonds][1] == (1, 2, 3, 24)
    assert [(entry.label, entry.value) for entry in nitrile.conditions] == [("pressure 1.5 bar", 10.0)]
    parts = (*nitrile.atoms, *nitrile.bonds, *nitrile.conditions)
    assert sum(part.value for part in parts) == nitrile.value - nitrile.baseline
    assert nitrile.in_words() == (
        "CC#N: boiling_point 355 K = 231 (CCC) and N +90, multiple bonds +24, pressure 1.5 bar +10"
    )
    assert json.loads(json.dumps(dataclasses.asdict(nitrile)))["sampling_error"] == 0.25


def test_the_page_and_the_picture_of_a_molecule_show_its_parts(nitrile: Explanation) -> None:
    page = Page(nitrile.to_html())
    text = " ".join("".join(page.words).split())
    assert "svg" in page.tags
    for part in ("CC#N: boiling point 355.000 K", "Compared with CCC: 231.000 K", "<all carbon>", "N 3", "C 2#N 3"):
        assert part in text, part
    for part in ("pressure 1.5 bar", "+24.000 ± 2.000", "within a standard error of 0.25", "exact: all 8 variants"):
        assert part in text, part
    assert "<all carbon>" not in nitrile.to_html()
    figure = nitrile.plot()
    names = {label.get_text() for axes in figure.axes for label in axes.get_yticklabels()}
    assert names == {"N (1)", "N 3", "C 2#N 3", "pressure 1.5 bar"}


def test_an_error_shows_itself_and_is_not_drawn(connect: Any, target: str) -> None:
    with connect(target) as client:
        (refused,) = client.explain(crystals("bad"))
    assert "PARTIAL_OCCUPANCY: order the sites" in refused._repr_html_()
    for draw in (refused.plot, refused.to_html):
        with pytest.raises(ValueError, match="bad has no explanation: PARTIAL_OCCUPANCY"):
            draw()


def test_drawing_without_matplotlib_says_what_to_install(explanation: Explanation, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.axes", None)
    monkeypatch.delitem(sys.modules, "epitaxy.client.explanations.figure", raising=False)
    with pytest.raises(ImportError, match=r"pip install 'epitaxy\[plots\]'"):
        explanation.plot()


def test_explanations_load_matplotlib_only_to_draw() -> None:
    script = "import sys, epitaxy.client.explanations.reading; print('matplotlib' in sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "False"
