"""What the prediction service talks about: items in, answers out. No protobuf, no infrastructure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from epitaxy.chassis.limits import DEFAULT_COVERAGE
from epitaxy_models.ensembles.readout import EnsemblePrediction
from epitaxy_models.materials import MaterialKind
from epitaxy_models.review import ReviewDecision
from epitaxy_models.structures import Note, Repair, Structure, TextFormat
from epitaxy_models.transfer.kinds.sample import Sample

# Values of a lower fidelity that the caller knows, by column; NaN if they do not know it.
KnownValues = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ConditionValue:
    """One condition of an item: a number with its unit, empty for the model's own, or a category."""

    value: float | str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class TextSource:
    """A structure as the text of a file."""

    text_format: TextFormat
    text: str


@dataclass(frozen=True, slots=True)
class MaterialSource:
    """A material without a crystal, as one line of text."""

    kind: MaterialKind
    text: str


@dataclass(frozen=True, slots=True)
class Item:
    """One material of a request; ``source`` is a refusal if the wire form itself could not be read."""

    id: str
    source: "TextSource | Structure | MaterialSource | Refusal"
    known_values: KnownValues = field(default_factory=dict)
    conditions: Mapping[str, ConditionValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an item has no answer."""

    reason: str
    message: str
    is_retryable: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """An item that intake passed, with the digest of the structure as it is used."""

    structure: Structure
    repairs: tuple[Repair, ...]
    digest: bytes
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadMaterial:
    """A material without a crystal that intake passed.

    Attributes:
        kind: What it is.
        key: What identifies it, however it is written.
        formula: As a person writes it.
        digest: Names it among materials of all kinds: CO is methanol, and a composition.
        sample: The material itself.
        n_atoms: Atoms other than hydrogen, of a polymer those of its units; 0 for a composition.
        repairs: What reading changed.
        notes: What reading left out.
    """

    kind: MaterialKind
    key: str
    formula: str
    digest: bytes
    sample: Sample
    n_atoms: int = 0
    repairs: tuple[Repair, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class IntakeReport:
    """How one item was read, without a prediction."""

    id: str
    outcome: Accepted | ReadMaterial | Refusal


@dataclass(frozen=True, slots=True)
class Answer:
    """Outcome of one item.

    Attributes:
        id: The caller's id of the structure.
        outcome: The structure or material as accepted, or the refusal.
        row: Row of the block's prediction arrays; -1 for a refusal.
        is_cache_hit: True if the backbone did not run.
    """

    id: str
    outcome: Accepted | ReadMaterial | Refusal
    row: int = -1
    is_cache_hit: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """How a block of items is answered.

    Attributes:
        properties: Indices into the model card's properties.
        coverage: Nominal coverage of the intervals.
        bypass_cache: Compute even what is cached.
        is_columnar: The answers are wanted as columns, not one by one.
    """

    properties: tuple[int, ...]
    coverage: float = DEFAULT_COVERAGE
    bypass_cache: bool = False
    is_columnar: bool = False


@dataclass(frozen=True, slots=True)
class BlockAnswer:
    """Answers of one message, in the order of its items, with the arrays that their rows point to."""

    answers: tuple[Answer, ...]
    prediction: EnsemblePrediction
    reviews: tuple[ReviewDecision, ...] = ()
    """One decision per row of the prediction."""
