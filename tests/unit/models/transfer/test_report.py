"""The page shows every section, escapes what a user supplied, and loads nothing; the JSON holds the same."""

import json
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import numpy as np
import pytest

from epitaxy_models.structures.display import display_spelling
from epitaxy_models.transfer.contest.judge import Candidate, Judgement, Verdict, judge
from epitaxy_models.transfer.records import (
    AuditSection,
    CalibrationSection,
    CurvePoint,
    DataSection,
    LatentMap,
    LearningCurve,
    NeighbourRow,
    ParityRow,
    PropertySection,
    RefusedRow,
    SkippedStrategy,
    StrategyRow,
    TransferReport,
    VerdictSection,
)
from epitaxy_models.transfer.report import charts
from epitaxy_models.transfer.report.origin import ReportOrigin
from epitaxy_models.transfer.report.outliers import outlying
from epitaxy_models.transfer.report.page import render_page
from epitaxy_models.transfer.report.sentence import verdict_sentence
from epitaxy_models.transfer.report.svg import Axis, Drawing, round_ticks

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
STRATEGIES = ("block_gp", "descriptor_forest", "pool_median")


def _strategy(name: str, number: int) -> StrategyRow:
    return StrategyRow(name, name == "block_gp", True, 0.2 + number, 0.1, 0.3, 0.5 - number, -1.0, 1.0, "NEUTRAL", 0.5)


@pytest.fixture
def report() -> TransferReport:
    generator = np.random.default_rng(0)
    labels = generator.normal(size=30)
    parity = tuple(
        ParityRow(f"row-{n}", "SrTiO3", float(y), float(y) + 0.1, float(y) - 1, float(y) + 1)
        for n, y in enumerate(labels)
    )
    points = tuple(CurvePoint(n, 1 / n, 0.5 / n, 2 / n) for n in (10, 20, 40))
    cloud = tuple((float(x), float(y)) for x, y in generator.normal(size=(50, 2)))
    return TransferReport(
        subject=PropertySection("critical_temperature", "K", "log10", "substrate-mp"),
        verdict=VerdictSection(
            "It helps.", "HELPS", "block_gp", "HELPS", "descriptor_forest", "nothing beats it", True
        ),
        data=DataSection(32, 30, 1, (RefusedRow("row-31", "no label: give one"),), ("labels disagree",)),
        audit=AuditSection(
            "NEUTRAL",
            ("Far from the source.",),
            (NeighbourRow("row-1", "SrTiO3", (("mp-1 BaTiO3", 0.5),)),),
            LatentMap(cloud, cloud[:5], tuple("abcde"), 0.4),
        ),
        strategies=tuple(_strategy(name, number) for number, name in enumerate(STRATEGIES)),
        skipped=(SkippedStrategy("full_fine_tune", "the time budget is spent"),),
        learning_curves=tuple(LearningCurve(name, points) for name in STRATEGIES),
        coverage=0.9,
        parity=parity,
        worst=parity[:3],
        calibration=CalibrationSection((0.5, 0.9, 0.99), (0.52, 0.9, 1.0), 30),
        blocks={"descriptors": 0.6, "embedding": 0.3},
    )


class Page(HTMLParser):
    """Tags, attributes and visible text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words += data


def test_page_shows_every_section(report: TransferReport) -> None:
    page = Page(render_page(report))
    for words in (
        "It helps.",
        "descriptor_forest",
        "Learning curves",
        "Calibration",
        "What transferred",
        "Far from the source.",
        "mp-1 BaTiO3",
        "Worst cases",
        "no label: give one",
        "labels disagree",
        "the time budget is spent",
        "30 of 32 rows used, 1 more merged",
    ):
        assert words in page.words
    assert page.tags.count("svg") == 5


def test_page_runs_no_script_and_loads_nothing(report: TransferReport) -> None:
    page = Page(render_page(report))
    assert not {"script", "link", "iframe", "object", "img"} & set(page.tags)
    assert not {"src", "href"} & {name for name, _ in page.attributes}
    assert "url(" not in render_page(report)
    assert any("default-src 'none'" in (value or "") for _, value in page.attributes)


def test_whatever_a_user_supplied_is_escaped(report: TransferReport) -> None:
    row = replace(report.parity[0], row_id=HOSTILE, formula=HOSTILE)
    hostile = replace(
        report,
        subject=PropertySection(HOSTILE, HOSTILE, "none", HOSTILE),
        verdict=replace(report.verdict, sentence=HOSTILE, reason=HOSTILE),
        data=DataSection(2, 1, 0, (RefusedRow(HOSTILE, HOSTILE),), (HOSTILE,)),
        audit=AuditSection(
            "",
            (HOSTILE,),
            (NeighbourRow(HOSTILE, HOSTILE, ((HOSTILE, 1.0),)),),
            LatentMap(((0, 0),), ((1, 1),), (HOSTILE,), 1),
        ),
        skipped=(SkippedStrategy(HOSTILE, HOSTILE),),
        parity=(row,),
        worst=(row,),
        blocks={f"low_fidelity/{HOSTILE}": 1.0},
    )
    page = Page(render_page(hostile))
    assert not {"script", "img"} & set(page.tags)
    assert not any(name.startswith("on") for name, _ in page.attributes)
    assert page.words.count("alert(1)") >= 10


def test_pictures_are_well_formed_and_hold_a_point_a_row(report: TransferReport) -> None:
    colours = charts.colour_of(STRATEGIES)
    parity = ET.fromstring(charts.parity(report.parity, "K"))
    assert len(parity.findall("circle")) == len(report.parity)
    for picture in (
        charts.learning_curves(report.learning_curves, "K", colours),
        charts.gains(report.strategies, "K", colours),
        charts.calibration(report.calibration),
    ):
        coordinates = re.findall(r'(?:points|cx|cy|x|y)="([^"]+)"', str(ET.tostring(ET.fromstring(picture))))
        assert coordinates
        assert not any("nan" in value or "inf" in value for value in coordinates)


def test_report_without_optional_parts_still_renders(report: TransferReport) -> None:
    bare = replace(report, audit=AuditSection("", (), (), None), blocks={}, learning_curves=(), skipped=(), worst=())
    words = Page(render_page(bare)).words
    assert "No audit" in words
    assert "Too few labels for a curve" in words
    assert "What transferred" not in words


def test_endless_intervals_become_null_in_json_and_stay_inside_the_picture(report: TransferReport) -> None:
    endless = replace(report.strategies[0], gain_low=-math.inf, gain_high=math.inf)
    changed = replace(report, strategies=(endless, *report.strategies[1:]))
    assert json.loads(changed.as_json())["strategies"][0]["gain_low"] is None
    render_page(changed)


def test_json_holds_what_the_page_shows(report: TransferReport) -> None:
    record = json.loads(report.as_json())
    assert record["verdict"]["sentence"] == "It helps."
    assert record["parity"][0].keys() == {"row_id", "formula", "label", "predicted", "lower", "upper", "side"}
    assert record["audit"]["neighbours"][0]["nearest"] == [["mp-1 BaTiO3", 0.5]]


def _judgement(gp: float, forest: float, may_serve: bool = True) -> Judgement:
    def candidate(name: str, error: float, allowed: bool = True) -> Candidate:
        generator = np.random.default_rng(len(name))
        rows = tuple(error + 0.01 * generator.normal(size=20) for _ in range(15))
        return Candidate(name, rows, name == "block_gp", allowed)

    entries = [
        candidate("pool_median", 1.0, may_serve),
        candidate("descriptor_forest", forest, may_serve),
        candidate("block_gp", gp),
    ]
    return judge(entries, 0.25, median="pool_median", default="block_gp")


@pytest.mark.parametrize(
    ("judgement", "expected"),
    [
        (
            _judgement(0.3, 0.6),
            r"pretraining helps: its mean absolute error is 0\.\d+ K, against 0\.\d+ K for a descriptor model .* \((49|50|51) % less\)\.$",  # noqa: E501
        ),
        (
            _judgement(0.6, 0.3),
            r"a descriptor model without pretraining serves, with a mean absolute error of 0\.\d+ K; pretraining makes predictions worse: ",  # noqa: E501
        ),
        (_judgement(0.3, 0.3), r"makes no difference beyond noise"),
        (_judgement(0.6, 0.3, may_serve=False), r"do not serve it without a reason\.$"),
    ],
)
def test_sentence_says_what_a_chemist_needs(judgement: Judgement, expected: str) -> None:
    sentence = verdict_sentence(judgement, "critical_temperature", "K", 100, 100)
    assert sentence.startswith("With your 100 labels of critical_temperature, ")
    fewer = verdict_sentence(judgement, "critical_temperature", "K", 100, 103)
    assert fewer == sentence.replace("critical_temperature,", "critical_temperature (from 103 rows),", 1)
    assert re.search(expected, sentence)


def test_a_stack_that_helps_where_no_strategy_alone_does_is_not_called_noise() -> None:
    alone = _judgement(0.5, 0.5)
    served = replace(alone.named("block_gp"), name="stack", error=replace(alone.named("block_gp").error, mean=0.3))
    helped = replace(alone, strategies=(served, *alone.strategies), chosen="stack", verdict=Verdict.HELPS)
    sentence = verdict_sentence(helped, "critical_temperature", "K", 100, 100)
    expected = r"stack serves, .* that is 4\d % less than 0\.\d+ K for .*, and beyond noise; block_gp alone"
    assert re.search(expected, sentence)
    assert "no difference" not in sentence


def test_one_wild_label_does_not_flatten_the_pictures_and_stands_first(report: TransferReport) -> None:
    wild = ParityRow("row-wild", "NaCl", 4e5, 0.2, -1.0, 1.0)
    changed = replace(report, parity=(*report.parity, wild))
    words = Page(render_page(changed)).words
    assert "row-wild" not in Page(render_page(report)).words
    assert words.index("row-wild") < words.index("Strategies, on the same splits")
    dots = ET.fromstring(charts.parity(changed.parity, "K")).findall("circle")
    across = [float(dot.attrib["cx"]) for dot in dots if "outside" not in dot.attrib["class"]]
    assert max(across) - min(across) > 300
    assert sum("outside" in dot.attrib["class"] for dot in dots) == 1


@pytest.mark.parametrize("seed", range(5))
def test_heavy_tails_are_no_outliers(seed: int) -> None:
    labels = np.random.default_rng(seed).lognormal(sigma=0.7, size=100)
    rows = [ParityRow(str(n), "NaCl", float(y), float(y), 0.0, 1.0) for n, y in enumerate(labels)]
    assert outlying(rows) == ()


def test_no_line_crosses_a_name_in_the_picture_of_gains(report: TransferReport) -> None:
    drawing = ET.fromstring(charts.gains(report.strategies, "K", charts.colour_of(STRATEGIES)))
    names = {text.text: text for text in drawing.findall("text") if text.text in STRATEGIES}
    assert set(names) == set(STRATEGIES)
    right_end = max(float(text.attrib["x"]) for text in names.values())
    for line in drawing.findall("polyline"):
        assert all(float(pair.split(",")[0]) > right_end for pair in line.attrib["points"].split())


def test_a_report_tells_what_it_is_of(report: TransferReport) -> None:
    origin = ReportOrigin("my<tc", "3", "ft-1", datetime(2026, 5, 4, 3, 2, tzinfo=UTC))
    words = Page(origin.stamp_page(render_page(report).encode()).decode()).words
    assert "Model my<tc:3, job ft-1, 2026-05-04 03:02 UTC" in words
    stamped = json.loads(origin.stamp_json(report.as_json().encode()))
    assert stamped["origin"] == {
        "model": "my<tc",
        "version": "3",
        "job": "ft-1",
        "created": "2026-05-04T03:02:00+00:00",
    }
    assert stamped["verdict"] == report.as_record()["verdict"]


@pytest.mark.parametrize(
    ("written", "shown"), [("O3SrTi", "SrTiO3"), ("SrTiO3", "SrTiO3"), ("ClNa", "NaCl"), ("no formula", "no formula")]
)
def test_formulas_have_one_spelling(written: str, shown: str) -> None:
    assert display_spelling(written) == shown


def test_ticks_are_round_and_inside() -> None:
    np.testing.assert_allclose(round_ticks(0.13, 0.92), [0.2, 0.4, 0.6, 0.8])
    np.testing.assert_allclose(round_ticks(-3, 3), [-2, 0, 2])


def test_points_outside_the_axes_are_drawn_at_their_edge() -> None:
    drawing = Drawing(Axis(0, 1, "x"), Axis(0, 1, "y"), "t")
    assert drawing.place((7, 0)) == drawing.place((1, 0))
