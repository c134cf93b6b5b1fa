"""What a job on materials without a crystal stands on: the substrate of their kind."""

from dataclasses import dataclass

import numpy as np

from epitaxy_models.errors import EpitaxyError, UnsupportedElementError
from epitaxy_models.materials.kind import MaterialKind
from epitaxy_models.transfer.audit.examination import (
    Examination,
    data_section,
    learned_conditions,
    noise_on_scale,
)
from epitaxy_models.transfer.conditions.condition import value_keys
from epitaxy_models.transfer.features import under_conditions
from epitaxy_models.transfer.fitted.card import BaseModel
from epitaxy_models.transfer.fitted.training_domain import TrainingDomain
from epitaxy_models.transfer.inputs import EMBEDDING, TransferInputs
from epitaxy_models.transfer.kinds.audit import audit_materials
from epitaxy_models.transfer.kinds.features import MaterialFeatures
from epitaxy_models.transfer.kinds.sample import Sample
from epitaxy_models.transfer.labels.censoring import sides_of
from epitaxy_models.transfer.labels.classes import judge_classes
from epitaxy_models.transfer.labels.judging import Crystal, JudgedLabels, LabelledRow, judge_labels
from epitaxy_models.transfer.labels.suspicion import SuspicionKind
from epitaxy_models.transfer.labels.target import TargetTransform, TransformKind
from epitaxy_models.transfer.quantities import kin_columns
from epitaxy_models.transfer.request import TransferRequest
from epitaxy_models.transfer.strategies.laws import LawColumn


@dataclass(frozen=True, slots=True, eq=False)
class MaterialGround:
    """Implements Ground on the substrate of one kind of material without a crystal."""

    features: MaterialFeatures
    fidelity_digest: str = ""

    @property
    def kind(self) -> MaterialKind:
        """What the rows are."""
        return self.features.kind

    @property
    def base(self) -> BaseModel:
        """The substrate."""
        return self.features.base

    def examine(self, request: TransferRequest) -> Examination:
        """Checks rows and labels as of crystals; duplicates are rows of one key under one condition."""
        judged = self._judged(request)
        judged.check.require_learnable(accept_suspicious=request.accept_suspicious)
        wild = {entry.row for entry in judged.check.suspicious if entry.kind is SuspicionKind.WILD}
        kept = [place for place, row in enumerate(judged.rows.tolist()) if row not in wild]
        rows, labels, sides = judged.rows[kept], judged.labels[kept], judged.sides[kept]
        given = [request.rows[row][1] for row in rows.tolist()]
        samples = [sample for sample in given if isinstance(sample, Sample)]
        inputs = self.features.inputs_of(samples)
        conditions, values = learned_conditions(request, rows)
        inputs = under_conditions(inputs, conditions, values)
        if sides.any():
            inputs = inputs.with_sides(sides)
        transform = judged.transform if judged.transform is not None and not wild else None
        transform = transform or TargetTransform.fit_withstanding(request.transform, labels)
        return Examination(
            rows,
            tuple(request.rows[row][0] for row in rows.tolist()),
            inputs,
            labels,
            transform,
            transform.forward(labels),
            data_section(judged.check),
            audit_materials(
                self.features,
                [request.rows[row][0] for row in rows.tolist()],
                samples,
                np.asarray(inputs.blocks[EMBEDDING]),
            ),
            judged.check.suspicious,
            noise_on_scale(judged.replicate_std, labels, transform),
            conditions,
        )

    def kin(self, request: TransferRequest, examination: Examination) -> tuple[LawColumn, ...]:
        """Heads of the substrate."""
        definition, heads = request.definition, self.features.substrate.card.heads
        return kin_columns(heads, 0, definition.name, definition.unit, TransformKind(examination.transform.kind))

    def domain(self, inputs: TransferInputs) -> TrainingDomain:
        """In the substrate's own directions."""
        latent = self.features.substrate.latent
        block = np.asarray(inputs.blocks[EMBEDDING])
        return TrainingDomain.along(latent.centre, latent.directions, block, inputs.structures)

    def _judged(self, request: TransferRequest) -> JudgedLabels:
        keys = value_keys([column.values for column in request.conditions.values()], len(request.rows))
        sides = sides_of(request.sides, len(request.rows)).tolist()
        given = []
        for row, ((name, sample), label) in enumerate(zip(request.rows, request.labels.tolist(), strict=True)):
            refusal = sample if isinstance(sample, EpitaxyError) else self._refusal(sample)
            if refusal is not None:
                given.append(LabelledRow(row, name, label, None, (str(refusal.reason), refusal.message)))
                continue
            assert isinstance(sample, Sample)
            crystal = Crystal(sample.formula, 1, sample.material.key)
            read = request.readings.get(row, ())
            given.append(LabelledRow(row, name, label, crystal, readings=read, conditions=keys[row], side=sides[row]))
        if request.are_classes:
            return judge_classes(given, noun=self.kind.noun)
        return judge_labels(given, request.definition.unit, request.transform, noun=self.kind.noun)

    def _refusal(self, sample: object) -> EpitaxyError | None:
        """Why the substrate cannot read a sample."""
        assert isinstance(sample, Sample)
        try:
            self.features.check(sample.material)
        except UnsupportedElementError as error:
            return error
        return None
