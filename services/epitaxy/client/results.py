"""What the client returns of predictions: frozen values without a method that reads or draws.

Conversion from the wire lives in ``reading`` modules, tables and pictures in ``rows`` and ``render`` modules.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Outcome = Literal["answered", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class ItemError:
    """Why one structure has no answer.

    Attributes:
        reason: Stable upper-case code, such as ``PARTIAL_OCCUPANCY``.
        message: One line: what is wrong and what to do about it.
        retryable: True if sending the same structure again can succeed.
    """

    reason: str
    message: str
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class Repair:
    """A change that the server made to a structure so that it could be used.

    Attributes:
        code: Stable upper-case code, such as ``WRAPPED_COORDINATES``.
        message: One line: what was changed.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was left out of a structure, or is unusual; the crystal itself is as the input states it.

    Attributes:
        code: Stable upper-case code, such as ``DROPPED_MAGNETISM``.
        message: One line: what was left out.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class CalibrationStamp:
    """How an interval was calibrated, and how well that held on structures that were kept back.

    Attributes:
        method: How the interval was made.
        n_calibration: Structures in the calibration set.
        measured_coverage: Share of kept-back structures inside their interval.
        nominal_coverage: Nominal coverage at which ``measured_coverage`` was measured.
        n_measured: Structures in that measurement.
    """

    method: str
    n_calibration: int
    measured_coverage: float
    nominal_coverage: float
    n_measured: int


@dataclass(frozen=True, slots=True)
class PropertyPrediction:
    """One predicted value. The value, all standard deviations and both bounds are in ``unit``.

    Attributes:
        property: Name of the property.
        value: The prediction.
        unit: Unit of the property: ``"eV/atom"``.
        epistemic_std: Spread of the ensemble's members.
        aleatoric_std: Noise that the members expect.
        lower: Lower bound of the interval.
        upper: Upper bound of the interval.
        coverage: Nominal coverage of ``[lower, upper]``.
        fidelity: Level of theory or kind of measurement in one word: ``"PBE"``.
        level_of_theory: The level of theory in full, with its vintage.
        calibration: How the interval was calibrated.
        std: Both standard deviations together, calibrated: squared errors divided by its square average one. 0 if the
            server does not state it.
    """

    property: str
    value: float
    unit: str
    epistemic_std: float
    aleatoric_std: float
    lower: float
    upper: float
    coverage: float
    fidelity: str
    level_of_theory: str
    calibration: CalibrationStamp
    std: float = 0.0


@dataclass(frozen=True, slots=True)
class Review:
    """The judgement of an answer by the model's review policy.

    Attributes:
        verdict: ``"ACCEPT"``, ``"REVIEW"`` or ``"REJECT"``; empty if the server judged nothing.
        reasons: One line for each rule that fired, the most severe first.
        codes: Stable upper-case codes of the same rules.
    """

    verdict: str = ""
    reasons: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScreenResult:
    """The answer to one structure: predictions, or the error that took their place.

    Attributes:
        id: The row's own id, or the file's name.
        index: Position of the structure in the input, from 0. Unique, which ids need not be.
        formula: Reduced formula; empty if the structure was refused.
        n_sites: Sites in the cell.
        predictions: One for each property, in the order in which they were asked for.
        domain_score: 0 for the centre of the training data, 1 beyond all of it; None if refused.
        domain_verdict: ``"IN_DOMAIN"``, ``"BORDERLINE"`` or ``"OUT_OF_DOMAIN"``; empty if refused.
        domain_reason: Why, in one line.
        cache_hit: True if the embedding came from a cache.
        repairs: Changes that made the structure usable.
        model: Name of the model that answered.
        model_version: Version of the model.
        model_digest: ``"sha256:..."`` of the weights and the card that answered.
        error: None if there is an answer.
        review: The judgement by the model's review policy.
        notes: What was left out of the structure, or is unusual.
    """

    id: str
    index: int
    formula: str = ""
    n_sites: int = 0
    predictions: tuple[PropertyPrediction, ...] = ()
    domain_score: float | None = None
    domain_verdict: str = ""
    domain_reason: str = ""
    cache_hit: bool = False
    repairs: tuple[Repair, ...] = ()
    model: str = ""
    model_version: str = ""
    model_digest: str = ""
    error: ItemError | None = None
    review: Review = Review()
    notes: tuple[Note, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """``"answered"``; ``"refused"``, which is final; or ``"failed"``, which a later run may not see."""
        if self.error is None:
            return "answered"
        return "failed" if self.error.retryable else "refused"

    def __getitem__(self, name: str) -> PropertyPrediction:
        """The prediction of one property. Raises KeyError if there is none."""
        for prediction in self.predictions:
            if prediction.property == name:
                return prediction
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class IntakeReport:
    """How the server reads one structure; nothing is predicted.

    Attributes:
        id: The row's own id, or the file's name.
        index: Position of the structure in the input, from 0.
        formula: Reduced formula, or the canonical SMILES of a molecule or polymer; empty if it is refused.
        n_sites: Sites in the cell, or atoms of a molecule or repeat unit other than hydrogen; 0 for a composition.
        repairs: Changes that made the structure usable.
        error: Why the structure is refused; None if it can be used.
        notes: What was left out of the structure, or is unusual.
        kind: ``"structure"``, ``"composition"``, ``"molecule"`` or ``"polymer"``; empty if it is refused.
        key: What identifies a composition, molecule or polymer, however it is written; empty for a structure.
    """

    id: str
    index: int
    formula: str = ""
    n_sites: int = 0
    repairs: tuple[Repair, ...] = ()
    error: ItemError | None = None
    notes: tuple[Note, ...] = ()
    kind: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingResult:
    """The backbone's embedding of one structure, or the error that took its place.

    Attributes:
        id: The row's own id, or the file's name.
        index: Position of the structure in the input, from 0.
        embedding: float32, shape ``[dimension]``; None if there is an error.
        cache_hit: True if the embedding came from a cache.
        model: Name of the model.
        model_version: Version of the model.
        model_digest: ``"sha256:..."``; embeddings of different digests cannot be compared.
        error: None if there is an embedding.
    """

    id: str
    index: int
    embedding: NDArray[np.float32] | None = None
    cache_hit: bool = False
    model: str = ""
    model_version: str = ""
    model_digest: str = ""
    error: ItemError | None = None
