"""The light client: needs gRPC and numpy, and loads neither torch, ray, pymatgen nor pandas.

::

    from epitaxy.client import Client

    with Client() as client:
        table = client.screen("crystals/", properties=["band_gap"]).to_pandas()
"""

from epitaxy.client.aio import AsyncClient
from epitaxy.client.cards import ModelCard, PropertyCard, TrainingData
from epitaxy.client.client import Client
from epitaxy.client.errors import (
    EpitaxyClientError,
    InvalidRequestError,
    NotFoundError,
    QuotaExceededError,
    ServerFaultError,
    UnauthenticatedError,
    UnavailableError,
)
from epitaxy.client.explanations import Explanation
from epitaxy.client.finetune.columns import LabelColumn
from epitaxy.client.finetune.job import FineTuneFailedError, FineTuneJob
from epitaxy.client.finetune.results import FineTuneResult, JobEvent, JobStatus, ModelChange
from epitaxy.client.measurements.results import MeasurementReport, MeasurementResult, ModelHealth, PropertyHealth
from epitaxy.client.results import (
    CalibrationStamp,
    IntakeReport,
    ItemError,
    PropertyPrediction,
    Repair,
    Review,
    ScreenResult,
)
from epitaxy.client.review import AuditEntry, ReviewPolicy
from epitaxy.client.screening.aio_run import AsyncScreenRun
from epitaxy.client.screening.rows import COLUMNS
from epitaxy.client.screening.run import ScreenRun
from epitaxy.client.screening.summary import RunSummary
from epitaxy.client.screening.unary import EmbeddingResult

__all__ = [
    "COLUMNS",
    "AsyncClient",
    "AsyncScreenRun",
    "AuditEntry",
    "CalibrationStamp",
    "Client",
    "EmbeddingResult",
    "EpitaxyClientError",
    "Explanation",
    "FineTuneFailedError",
    "FineTuneJob",
    "FineTuneResult",
    "IntakeReport",
    "InvalidRequestError",
    "ItemError",
    "JobEvent",
    "JobStatus",
    "LabelColumn",
    "MeasurementReport",
    "MeasurementResult",
    "ModelCard",
    "ModelChange",
    "ModelHealth",
    "NotFoundError",
    "PropertyCard",
    "PropertyHealth",
    "PropertyPrediction",
    "QuotaExceededError",
    "Repair",
    "Review",
    "ReviewPolicy",
    "RunSummary",
    "ScreenResult",
    "ScreenRun",
    "ServerFaultError",
    "TrainingData",
    "UnauthenticatedError",
    "UnavailableError",
]
