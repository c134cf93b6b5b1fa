"""A model's review policy: limits that an answer must keep to pass unseen."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.conformal import check_coverage
from epitaxy_models.calibration.coverage import DEFAULT_COVERAGE
from epitaxy_models.calibration.verdict import DomainScore, DomainVerdict
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.review.decision import FiredRule, ReviewDecision, ReviewVerdict
from epitaxy_models.structures.elements import symbol_of

FORBIDDEN_ELEMENT, OUT_OF_DOMAIN = "FORBIDDEN_ELEMENT", "OUT_OF_DOMAIN"
DOMAIN_SCORE, INTERVAL_WIDTH, POLICY_DAMAGED = "DOMAIN_SCORE", "INTERVAL_WIDTH", "POLICY_DAMAGED"
CONSTANT_MODEL = "CONSTANT_MODEL"
_FIELDS = {"max_interval_width", "interval_coverage", "max_domain_score", "out_of_domain", "forbidden_elements"}
_N_ELEMENTS = 118


@dataclass(frozen=True, slots=True)
class ReviewPolicy:
    """Limits of one model.

    Attributes:
        max_interval_width: Widest interval by property, in its unit, at ``interval_coverage``; wider ones go to REVIEW.
        interval_coverage: Whatever coverage a caller asks for, widths are judged at this one.
        max_domain_score: Beyond this domain score REVIEW; None: the score alone decides nothing.
        out_of_domain: What becomes of an answer whose domain verdict is OUT_OF_DOMAIN.
        forbidden_elements: Atomic numbers that make an answer REJECT, ascending.
        damage: Why the policy that was set cannot be read; every answer goes to REVIEW then. Never stored.
        is_constant: Whether the model knows no more than a constant; every answer goes to REVIEW then. Never stored.
    """

    max_interval_width: Mapping[str, float] = field(default_factory=dict)
    interval_coverage: float = DEFAULT_COVERAGE
    max_domain_score: float | None = None
    out_of_domain: ReviewVerdict = ReviewVerdict.REVIEW
    forbidden_elements: tuple[int, ...] = ()
    damage: str = ""
    is_constant: bool = False

    def __post_init__(self) -> None:
        check_coverage(self.interval_coverage)
        for name, width in self.max_interval_width.items():
            if not (isfinite(width) and width > 0):
                raise _invalid(f"max_interval_width of {name} must be positive, is {width:g}")
        if self.max_domain_score is not None and not 0 < self.max_domain_score <= 1:
            raise _invalid(f"max_domain_score must lie above 0 and up to 1, is {self.max_domain_score:g}")
        unknown = [number for number in self.forbidden_elements if not 1 <= number <= _N_ELEMENTS]
        if unknown:
            raise _invalid(f"forbidden_elements holds no atomic numbers: {', '.join(map(str, unknown))}")
        object.__setattr__(self, "forbidden_elements", tuple(sorted(set(self.forbidden_elements))))

    @property
    def judges_widths(self) -> bool:
        """Whether it asks for interval widths at all."""
        return bool(self.max_interval_width)

    @property
    def digest(self) -> str:
        """``sha256:`` of its content."""
        return f"sha256:{sha256(self.as_text().encode()).hexdigest()}"

    def check_properties(self, names: Sequence[str]) -> None:
        """Raises ConfigurationError for a width of a property that the model does not have."""
        unknown = sorted(set(self.max_interval_width) - set(names))
        if unknown:
            raise _invalid(f"the model has no {', '.join(unknown)}; it has {', '.join(names)}")

    def judge(
        self,
        atomic_numbers: Sequence[NDArray[np.uint8]],
        domains: Sequence[DomainScore],
        names: Sequence[str],
        widths: NDArray[np.float64] | None = None,
    ) -> tuple[ReviewDecision, ...]:
        """One decision a structure.

        Args:
            atomic_numbers: Atomic numbers of the sites of each structure.
            domains: One verdict a structure.
            names: Names of the properties.
            widths: Widths of the intervals at ``interval_coverage``, ``[n_structures, n_properties]``; needed if
                ``judges_widths``.

        Raises ConfigurationError if widths are needed and not given.
        """
        if self.judges_widths and widths is None:
            raise _invalid("widths are limited: give them")
        rows = range(len(domains))
        return tuple(
            ReviewDecision.of(
                (
                    *self._on_elements(atomic_numbers[row]),
                    *self._on_domain(domains[row]),
                    *(self._on_widths(names, widths[row]) if widths is not None else ()),
                    *self._on_itself(),
                )
            )
            for row in rows
        )

    def as_json(self) -> dict[str, Any]:
        """Plain containers, in a fixed order."""
        return {
            "max_interval_width": dict(sorted(self.max_interval_width.items())),
            "interval_coverage": self.interval_coverage,
            "max_domain_score": self.max_domain_score,
            "out_of_domain": self.out_of_domain.value,
            "forbidden_elements": list(self.forbidden_elements),
        }

    def as_text(self) -> str:
        """The same as JSON text; equal policies give equal texts."""
        return json.dumps(self.as_json(), separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> "ReviewPolicy":
        """The policy of `as_text`; fields may be left out. Raises ConfigurationError for any other text."""
        try:
            record = json.loads(text)
            unknown = sorted(set(record) - _FIELDS)
            if unknown:
                raise _invalid(f"no field of a review policy: {', '.join(unknown)}")
            return cls(**(record | _rebuilt(record)))
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise _invalid(f"no review policy: {error}") from error

    @classmethod
    def damaged(cls, reason: str) -> "ReviewPolicy":
        """Stands in for one that cannot be read: nothing passes unseen."""
        return replace(DEFAULT_POLICY, damage=reason)

    def of_model(self, *, is_constant: bool) -> "ReviewPolicy":
        """The same for a model of which it is known whether it is a constant."""
        return replace(self, is_constant=is_constant) if is_constant else self

    def _on_elements(self, atomic_numbers: NDArray[np.uint8]) -> Iterator[FiredRule]:
        found = np.intersect1d(atomic_numbers, self.forbidden_elements) if self.forbidden_elements else ()
        if len(found):
            names = ", ".join(symbol_of(int(number)) for number in found)
            yield FiredRule(ReviewVerdict.REJECT, FORBIDDEN_ELEMENT, f"holds {names}, which the policy forbids")

    def _on_domain(self, domain: DomainScore) -> Iterator[FiredRule]:
        if domain.verdict is DomainVerdict.OUT_OF_DOMAIN and self.out_of_domain is not ReviewVerdict.ACCEPT:
            yield FiredRule(self.out_of_domain, OUT_OF_DOMAIN, f"out of domain: {domain.reason}")
        if self.max_domain_score is not None and domain.score > self.max_domain_score:
            text = f"domain score {domain.score:.3f} is above {self.max_domain_score:g}"
            yield FiredRule(ReviewVerdict.REVIEW, DOMAIN_SCORE, text)

    def _on_widths(self, names: Sequence[str], widths: NDArray[np.float64]) -> Iterator[FiredRule]:
        for name, width in zip(names, widths.tolist(), strict=True):
            limit = self.max_interval_width.get(name)
            if limit is not None and not width <= limit:
                at = f"{100 * self.interval_coverage:g} %"
                text = f"the {at} interval of {name} is {width:.3g} wide, more than {limit:g}"
                yield FiredRule(ReviewVerdict.REVIEW, INTERVAL_WIDTH, text)

    def _on_itself(self) -> Iterator[FiredRule]:
        if self.damage:
            yield FiredRule(ReviewVerdict.REVIEW, POLICY_DAMAGED, f"the model's policy cannot be read: {self.damage}")
        if self.is_constant:
            text = "the model knows no more than a constant: it answers nearly the same whatever the structure"
            yield FiredRule(ReviewVerdict.REVIEW, CONSTANT_MODEL, text)


DEFAULT_POLICY = ReviewPolicy()


def _rebuilt(record: Mapping[str, Any]) -> dict[str, Any]:
    rebuilt: dict[str, Any] = {}
    if "out_of_domain" in record:
        rebuilt["out_of_domain"] = ReviewVerdict(record["out_of_domain"])
    if "forbidden_elements" in record:
        rebuilt["forbidden_elements"] = tuple(int(number) for number in record["forbidden_elements"])
    if "max_interval_width" in record:
        rebuilt["max_interval_width"] = {str(k): float(v) for k, v in record["max_interval_width"].items()}
    return rebuilt


def _invalid(message: str) -> ConfigurationError:
    return ConfigurationError(message, reason="INVALID_POLICY")
