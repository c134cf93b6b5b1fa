"""The page shows every section, escapes what a user supplied, and loads nothing."""

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from epitaxy_models.campaigns.report import render_page
from epitaxy_models.campaigns.report.record import CampaignRecord

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


def made_record(n_results: int = 30, seed: int = 0) -> dict[str, Any]:
    """A campaign as the service exports it: batches of five, one failure a batch, intervals that hold nine in ten."""
    generator = np.random.default_rng(seed)
    results: list[dict[str, Any]] = []
    for number in range(n_results):
        true = 2.0 + 0.15 * number + float(generator.normal(0, 0.8))
        predicted = true + float(generator.normal(0, 0.5))
        is_failed = number % 5 == 4
        results.append(
            {
                "sequence": number + 2,
                "batch": number // 5 + 1,
                "id": f"c{number}",
                "formula": "SrTiO3",
                "status": "FAILED" if is_failed else "MEASURED",
                "values": {} if is_failed else {"gap_eV": {"value": true, "std": 0.05}},
                "predictions": {
                    "gap_eV": {"value": predicted, "lower": predicted - 0.8, "upper": predicted + 0.8, "coverage": 0.9}
                },
                "note": "cracked" if is_failed else None,
            }
        )
    steps = range(1, n_results + 1)
    return {
        "format": 1,
        "name": "films",
        "state": "ACTIVE",
        "create_time": "2026-11-30T10:00:00+00:00",
        "update_time": "2026-11-30T18:00:00+00:00",
        "spec": {
            "objectives": [{"property": "gap_eV", "unit": "eV", "goal": "MAXIMIZE"}],
            "constraints": [{"property": "energy_above_hull", "is_upper": True, "limit": 0.1}],
        },
        "pool": {"n_candidates": 1574, "n_open": 1500, "n_refused": 3, "refusals": {"PARTIAL_OCCUPANCY": 3}},
        "results": results,
        "pending": [{"ticket": "t9", "id": "c99"}],
        "refused": [{"id": "c7", "reason": "PARTIAL_OCCUPANCY", "message": "order the sites"}],
        "batches": [
            {
                "batch": batch,
                "n_labels": 5 * batch,
                "expected_gain": 0.9 / batch,
                "gain": 0.7 / batch,
                "blocks": {"gap_eV": {"embedding": 0.6, "descriptors": 0.3, "textbook_estimates": 0.1}},
                "speaking": {"gap_eV": "transferred" if batch < 4 else "descriptor"},
                "fallback_reason": None if batch < 4 else "left-out labels are predicted better without transfer",
            }
            for batch in range(1, n_results // 5 + 1)
        ],
        "random": [
            {"n_results": n, "mean": 2 + 0.9 * np.log(n), "low": 1.5 + 0.8 * np.log(n), "high": 2.8 + np.log(n)}
            for n in steps
        ],
        "map": {
            "background": generator.normal(size=(400, 2)).tolist(),
            "points": [
                {"id": row["id"], "x": float(x), "y": float(y)}
                for row, (x, y) in zip(results, generator.normal(0.5, 0.7, size=(n_results, 2)), strict=True)
            ],
            "axes": "two directions of the embedding",
        },
        "best": [{"id": "c28", "formula": "BaTiO3", "values": {"gap_eV": 6.1}, "measured": {"gap_eV": 6.4}}],
        "outlook": {
            "advice": "GO_ON",
            "message": "The next batch is expected to gain 0.15 eV.",
            "better_left_probability": 0.42,
            "margin": 0.3,
            "expected_gain": 0.15,
            "coverage": 0.88,
            "nominal_coverage": 0.9,
            "n_predicted": 24,
            "speaking": {"gap_eV": "descriptor"},
            "since_batch": {"gap_eV": 4},
        },
        "events": [{"sequence": 1, "time": "2026-11-30T10:00:00+00:00", "kind": "created", "message": "created"}],
    }


class _Page(HTMLParser):
    """Tags, ids of headings and everything that could load or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[str] = []
        self.suspects: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "object", "embed", "link", "img"):
            self.suspects.append(tag)
        self.suspects += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href") or name.startswith("on")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "h2" and data.strip():
            self.headings.append(data.strip())


def test_the_page_shows_every_section_and_loads_nothing() -> None:
    text = render_page(made_record())
    page = _Page(text)
    assert not page.open
    assert not page.suspects
    assert page.headings == [
        "Advice",
        "The best",
        "Best so far",
        "Calibration over time",
        "Predicted before, measured after",
        "Gain of each batch",
        "Map of what was tried",
        "What speaks",
        "Results",
        "The pool",
    ]
    assert "url(" not in text
    assert "gap_eV: a model on descriptors alone, without transfer (since batch 4)." in text
    assert 'c7</td><td class="words">PARTIAL_OCCUPANCY: order the sites' in text
    assert "42 %</b>chance that something better by 0.3 is left" in text
    # The fallback is told once, at the batch where it began.
    assert text.count("left-out labels are predicted better without transfer") == 1
    pictures = re.findall(r"<svg.*?</svg>", text, re.S)
    assert len(pictures) == 5
    assert all(ET.fromstring(picture).get("aria-label") for picture in pictures)


def test_best_so_far_climbs_by_what_counts_and_coverage_is_the_share_inside() -> None:
    document = made_record(10)
    document["results"][3] |= {"values": {"gap_eV": {"value": 99.0}}, "is_retracted": True}
    record = CampaignRecord.of(document)
    counted = [row for row in record.results if row.counts]
    points = record.best_so_far()
    assert [n for n, _ in points] == list(range(1, len(counted) + 1))
    assert [best for _, best in points] == np.maximum.accumulate([row.values["gap_eV"] for row in counted]).tolist()
    shares = record.coverage_so_far()
    inside = [row.is_inside("gap_eV") for row in counted]
    assert shares[-1] == (len(inside), np.mean(inside), 0.9)
    assert '<tr class="gone">' in render_page(document)


@pytest.mark.parametrize(
    ("goal", "shown", "words"),
    [
        ({"goal": "MINIMIZE"}, [3.0, 1.0, 1.0], "lower is better"),
        ({"goal": "MATCH", "target": 2.5}, [0.5, 0.5, 0.5], "distance from the target (eV)"),
        ({"goal": "BAND", "low": 1.5, "high": 2.5}, [0.5, 0.5, 0.0], "gap_eV from 1.5 to 2.5 eV"),
    ],
)
def test_best_so_far_follows_the_goal(goal: dict[str, Any], shown: list[float], words: str) -> None:
    document = {
        "name": "films",
        "spec": {"objectives": [{"property": "gap_eV", "unit": "eV"} | goal]},
        "results": [
            {"id": f"c{n}", "status": "MEASURED", "values": {"gap_eV": {"value": value}}}
            for n, value in enumerate([3.0, 1.0, 2.0])
        ],
    }
    assert [best for _, best in CampaignRecord.of(document).best_so_far()] == shown
    assert words in render_page(document)


def test_a_campaign_without_results_and_hostile_texts_make_a_sound_page() -> None:
    empty = {"name": "films", "spec": {"objectives": [{"property": "g", "unit": "1", "goal": "MAXIMIZE"}]}}
    page = _Page(render_page(empty))
    assert (page.open, page.suspects) == ([], [])
    assert "Best so far" in page.headings
    document = made_record(10)
    document["name"] = document["outlook"]["message"] = HOSTILE
    document["results"][0] |= {"id": HOSTILE, "formula": HOSTILE, "note": HOSTILE}
    document["map"]["points"][0]["id"] = HOSTILE
    document["spec"]["objectives"][0] |= {"unit": HOSTILE}
    document["events"][0]["message"] = HOSTILE
    document["results"][1]["values"]["gap_eV"]["value"] = float("inf")
    page = _Page(render_page(document))
    assert (page.open, page.suspects) == ([], [])


def test_several_objectives_have_a_front_and_shares_of_the_hypervolume() -> None:
    document = made_record(10)
    document["spec"]["objectives"].append({"property": "eps", "unit": "1", "goal": "MINIMIZE"})
    for number, row in enumerate(document["results"]):
        if row["status"] == "MEASURED":
            row["values"]["eps"] = {"value": 10.0 - number}
            row["utility"] = number / 10
    text = render_page(document)
    assert "Results by objective" in _Page(text).headings
    assert "share of the hypervolume; higher is better" in text
