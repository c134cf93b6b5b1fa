"""A model and its student whose answers tests know."""

from collections import Counter

import numpy as np

from epitaxy.api.common.v1.model_pb2 import ModelStamp
from epitaxy.api.common.v1.property_pb2 import PropertyDefinition
from epitaxy.api.common.v1.structure_pb2 import ItemError
from epitaxy.api.internal.v1 import prediction_backend_pb2 as backend_pb2
from epitaxy.api.internal.v1 import prediction_backend_pb2_grpc
from epitaxy.api.models.v1 import models_pb2
from epitaxy.api.prediction.v1 import prediction_pb2
from epitaxy.chassis.errors import InvalidRequestError, UnavailableError
from epitaxy.chassis.status import to_rpc_status
from epitaxy.chassis.structure_ids import structure_ids

N, BEST = 3000, 30
TRUTH = np.random.default_rng(3).normal(size=N)
REFUSED = 17
CROWDED = set(np.argsort(-TRUTH)[:20].tolist())


class PoolBackend(prediction_backend_pb2_grpc.PredictionBackendServiceServicer):
    """A model whose answer to candidate i is ``TRUTH[i]``, and a student that errs by a tenth of the spread.

    The volume of a candidate is its number.
    """

    has_students = True

    def __init__(self) -> None:
        self.faults: Counter[str] = Counter()
        self.evaluated: list[int] = []

    async def ScoreCandidates(self, request, context):
        await self._behave("score", context)
        if any(quantity.property != "band_gap" for quantity in request.quantities):
            refusal = InvalidRequestError("the model has no hull; it has band_gap", reason="UNKNOWN_PROPERTY")
            await context.abort_with_status(to_rpc_status(refusal))
        stamp = ModelStamp(name="crystals", version="1")
        if not self.has_students:
            return backend_pb2.ScoreCandidatesResponse(model=stamp, reason="crystals has no students")
        response = backend_pb2.ScoreCandidatesResponse(model=stamp, has_students=True)
        errors = np.random.default_rng(5).normal(size=N)
        if request.wants_tables:
            for _ in request.quantities:
                response.tables.add(residuals=np.random.default_rng(6).normal(size=2000).astype("<f4").tobytes())
        places = np.frombuffer(request.candidates.columns.volumes, dtype="<f8").round().astype(int)
        for _ in request.quantities:
            values = (TRUTH + 0.1 * errors)[places].astype("<f4")
            response.scores.add(values=values.tobytes(), scales=np.full(len(places), 0.1, "<f4").tobytes())
        return response

    async def ListServedModels(self, request, context):
        return backend_pb2.ListServedModelsResponse()

    async def GetServedModel(self, request, context):
        card = models_pb2.ModelCard(stamp=ModelStamp(name="crystals", version="1"))
        for name in ("band_gap", "bulk_modulus", "bulk_density"):
            card.properties.add(definition=PropertyDefinition(name=name, unit="eV"))
        return backend_pb2.GetServedModelResponse(model=card)

    async def _behave(self, name, context):
        if self.faults[name]:
            self.faults[name] -= 1
            await context.abort_with_status(to_rpc_status(UnavailableError("gone")))

    async def Evaluate(self, request, context):
        await self._behave("evaluate", context)
        block = prediction_pb2.ResultBlock(model=ModelStamp(name="crystals", version="1"))
        block.properties.add(definition=PropertyDefinition(name="band_gap"))
        for name, number in zip(structure_ids(request.structures), _numbers(request.structures), strict=True):
            self.evaluated.append(number)
            result = block.results.add(id=name)
            if number == REFUSED:
                result.error.CopyFrom(ItemError(reason="PARTIAL_OCCUPANCY", message="order the sites first"))
                continue
            result.prediction.reduced_formula = "NaCl" if number in CROWDED else f"X{number}"
            result.prediction.domain.verdict = 1 + number % 2
            value = result.prediction.values.add(property_index=0, value=TRUTH[number])
            value.interval.lower, value.interval.upper = TRUTH[number] - 1, TRUTH[number] + 1
        return backend_pb2.EvaluateResponse(results=block)


def _numbers(structures):
    """The numbers of candidates: the text of a CIF, or the volume of a packed cell."""
    for structure in structures:
        if structure.HasField("packed"):
            lattices = np.frombuffer(structure.packed.lattices_angstrom, "<f8").reshape(-1, 3, 3)
            yield from np.linalg.det(lattices).round().astype(int).tolist()
        else:
            yield int(structure.cif)


def eligible(condition=lambda number: True) -> list[int]:
    """Candidates with an answer that meet a condition, best first."""
    return [number for number in np.argsort(-TRUTH).tolist() if number != REFUSED and condition(number)]
