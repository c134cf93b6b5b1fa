"""Answers to some structures as columns: what a screening yields before anybody asks for an object a structure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy.client.results import CalibrationStamp, ItemError, Note, PropertyPrediction, Repair, Review
from epitaxy.client.screening.render import ScreenResult

ANSWERED, REFUSED, FAILED = 0, 1, 2
"""What became of a structure, in ``ScreenColumns.outcomes``."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ModelName:
    """The weights that answered.

    Attributes:
        name: Name of the model; empty if no model saw the structures.
        version: Its version.
        digest: ``"sha256:..."`` of the weights and the card.
    """

    name: str = ""
    version: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """Codes with a message each about some of the rows; by ascending row.

    Attributes:
        rows: Rows, shape ``[n_findings]``; one with several findings is there several times.
        codes: Indices of the codes among the texts.
        messages: Indices of the messages among the texts.
    """

    rows: NDArray[np.uint32]
    codes: NDArray[np.uint32]
    messages: NDArray[np.uint32]

    def take(self, rows: NDArray[np.intp], n_rows: int) -> "Findings":
        """Those about some rows, which are numbered anew; ``n_rows`` is the number of all."""
        places = np.full(n_rows, -1, dtype=np.int64)
        places[rows] = np.arange(len(rows))
        moved = places[self.rows]
        kept = np.flatnonzero(moved >= 0)
        return Findings(moved[kept].astype(np.uint32), self.codes[kept], self.messages[kept])

    def by_row(self, texts: Sequence[str]) -> Mapping[int, list[tuple[str, str]]]:
        """Pairs of code and message by row; rows without one are left out."""
        found: dict[int, list[tuple[str, str]]] = {}
        for row, code, message in zip(self.rows.tolist(), self.codes.tolist(), self.messages.tolist(), strict=True):
            found.setdefault(row, []).append((texts[code], texts[message]))
        return found


@dataclass(frozen=True, slots=True, eq=False)
class PropertyColumns:
    """Predictions of one property, NaN where there is none; all numbers but the coverage are in ``unit``.

    Attributes:
        property: Name of the property.
        unit: Its unit.
        fidelity: Level of theory in one word.
        level_of_theory: The same in full.
        calibration: How the intervals were calibrated.
        model: The weights that answered.
        coverage: Nominal coverage of the intervals.
        has_value: Whether a structure has a prediction, bool, shape ``[n_structures]``, as all below.
        values: Predictions.
        epistemic_stds: Spreads of the members.
        aleatoric_stds: Noise that the members expect.
        stds: Both together, calibrated.
        lower: Lower ends of the intervals.
        upper: Upper ends of the intervals.
    """

    property: str
    unit: str
    fidelity: str
    level_of_theory: str
    calibration: CalibrationStamp
    model: ModelName
    coverage: float
    has_value: NDArray[np.bool_]
    values: Floats
    epistemic_stds: Floats
    aleatoric_stds: Floats
    stds: Floats
    lower: Floats
    upper: Floats

    def take(self, rows: NDArray[np.intp]) -> "PropertyColumns":
        """Those of some rows."""
        names = ("has_value", "values", "epistemic_stds", "aleatoric_stds", "stds", "lower", "upper")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    def predictions(self) -> Iterator[PropertyPrediction | None]:
        """One object a structure, None where there is no prediction."""
        columns = (self.values, self.epistemic_stds, self.aleatoric_stds, self.lower, self.upper, self.stds)
        rows = zip(self.has_value.tolist(), *(column.tolist() for column in columns), strict=True)
        for is_there, value, epistemic, aleatoric, lower, upper, std in rows:
            yield PropertyPrediction(
                self.property, value, self.unit, epistemic, aleatoric, lower, upper, self.coverage, self.fidelity,
                self.level_of_theory, self.calibration, std,
            ) if is_there else None  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class ScreenColumns:
    """Answers to some structures of a screening, an array a field.

    Attributes:
        ids: The rows' own ids, or the files' names.
        indices: Positions in the input, from 0, int64, shape ``[n_structures]``, as all arrays below.
        outcomes: 0 answered, 1 refused, 2 failed; uint8.
        texts: Texts to which other columns refer by index.
        formulas: Indices of reduced formulas; see ``formula_texts``.
        n_sites: Sites in the cell.
        properties: One entry per property.
        domain_scores: 0 for the centre of the training data, 1 beyond all of it; NaN if there is no answer.
        domain_verdicts: Numbers of the names in ``verdict_names``; uint8.
        domain_reasons: Indices of texts.
        cache_hits: Whether the embedding came from a cache; uint8.
        review_verdicts: Numbers of the names in ``review_names``; uint8.
        rules: Rules of the review policy that fired.
        repairs: Changes that made structures usable.
        notes: What was left out of structures, or is unusual.
        errors: Why structures have no answer: one for each of them.
        model: The weights that answered.
        verdict_names: Names of the numbers in ``domain_verdicts``.
        review_names: Names of the numbers in ``review_verdicts``.
    """

    ids: Sequence[str]
    indices: NDArray[np.int64]
    outcomes: NDArray[np.uint8]
    texts: Sequence[str] = field(repr=False)
    formulas: NDArray[np.uint32]
    n_sites: NDArray[np.uint32]
    properties: tuple[PropertyColumns, ...]
    domain_scores: Floats
    domain_verdicts: NDArray[np.uint8]
    domain_reasons: NDArray[np.uint32]
    cache_hits: NDArray[np.uint8]
    review_verdicts: NDArray[np.uint8]
    rules: Findings
    repairs: Findings
    notes: Findings
    errors: Findings
    model: ModelName
    verdict_names: Mapping[int, str] = field(repr=False)
    review_names: Mapping[int, str] = field(repr=False)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, name: str) -> PropertyColumns:
        """The predictions of one property. Raises KeyError if there are none."""
        for column in self.properties:
            if column.property == name:
                return column
        raise KeyError(name)

    @property
    def formula_texts(self) -> list[str]:
        """Reduced formula of each structure; empty if it was refused."""
        texts = self.texts
        return [texts[place] for place in self.formulas.tolist()]

    def take(self, rows: NDArray[np.intp]) -> "ScreenColumns":
        """The answers in some rows, in the given order, which must be ascending."""
        names = ("indices", "outcomes", "formulas", "n_sites", "domain_scores", "domain_verdicts", "domain_reasons",
                 "cache_hits", "review_verdicts")  # fmt: skip
        found: dict[str, Any] = {name: getattr(self, name)[rows] for name in names}
        for name in ("rules", "repairs", "notes", "errors"):
            found[name] = getattr(self, name).take(rows, len(self))
        ids, properties = [self.ids[row] for row in rows.tolist()], tuple(one.take(rows) for one in self.properties)
        return replace(self, ids=ids, properties=properties, **found)

    def results(self) -> Iterator[ScreenResult]:
        """One object for each structure, made as it is asked for."""
        parts = [self.rules, self.repairs, self.notes, self.errors]
        rules, repairs, notes, errors = (part.by_row(self.texts) for part in parts)
        predictions = zip(*(column.predictions() for column in self.properties), strict=True)
        if not self.properties:
            predictions = iter([()] * len(self))  # type: ignore[assignment]  # no property at all
        columns = (self.indices, self.outcomes, self.formulas, self.n_sites, self.domain_scores, self.domain_verdicts,
                   self.domain_reasons, self.cache_hits, self.review_verdicts)  # fmt: skip
        rows = zip(self.ids, predictions, *(column.tolist() for column in columns), strict=True)
        for row, (name, values, index, outcome, formula, sites, score, verdict, reason, hit, review) in enumerate(rows):
            if outcome != ANSWERED:
                yield self._refused(name, index, errors.get(row, [("", "")])[0], is_retryable=outcome == FAILED)
                continue
            model = self.model_of([value is not None for value in values])
            yield ScreenResult(
                name,
                index,
                self.texts[formula],
                sites,
                tuple(value for value in values if value is not None),
                score,
                self.verdict_names.get(verdict, str(verdict)),
                self.texts[reason],
                bool(hit),
                tuple(Repair(*one) for one in repairs[row]) if row in repairs else (),
                model.name,
                model.version,
                model.digest,
                None,
                self._review(review, rules.get(row, ())),
                tuple(Note(*one) for one in notes[row]) if row in notes else (),
            )

    def model_of(self, has_values: Sequence[bool]) -> ModelName:
        """The model of a structure, by which of the properties it has."""
        return next(
            (one.model for one, is_there in zip(self.properties, has_values, strict=True) if is_there), self.model
        )

    def _refused(self, name: str, index: int, error: tuple[str, str], *, is_retryable: bool) -> ScreenResult:
        reason, message = error
        model = self.model
        return ScreenResult(
            name, index, model=model.name, model_version=model.version, model_digest=model.digest,
            error=ItemError(reason or "UNKNOWN", message, is_retryable),
        )  # fmt: skip

    def _review(self, verdict: int, rules: Sequence[tuple[str, str]]) -> Review:
        if not verdict:
            return _UNJUDGED
        if not rules:
            return Review(self.review_names.get(verdict, str(verdict)))
        messages = tuple(message for _, message in rules)
        return Review(self.review_names.get(verdict, str(verdict)), messages, tuple(code for code, _ in rules))


_UNJUDGED = Review()
