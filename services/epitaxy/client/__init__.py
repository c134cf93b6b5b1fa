"""The light client: it needs gRPC and numpy, and loads neither torch, ray, pymatgen nor pandas.

::

    from epitaxy.client import Client

    with Client() as client:
        table = client.screen("crystals/", properties=["band_gap"]).to_pandas()
"""

from epitaxy.client.async_client import AsyncClient
from epitaxy.client.campaigns.async_campaigns import AsyncCampaigns
from epitaxy.client.campaigns.campaigns import Campaigns
from epitaxy.client.campaigns.goals import Limit, Objective
from epitaxy.client.campaigns.results import (
    Batch,
    BestCandidate,
    Campaign,
    CampaignEvent,
    CampaignNews,
    CampaignPrediction,
    Outlook,
    PoolProgress,
    PoolReport,
    Promotion,
    Recommendation,
    ResultOutcome,
    ResultReport,
)
from epitaxy.client.client import Client
from epitaxy.client.errors import (
    EpitaxyClientError,
    FineTuneFailedError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    QuotaExceededError,
    ServerFaultError,
    UnauthenticatedError,
    UnavailableError,
)
from epitaxy.client.explanations import Explanation
from epitaxy.client.finetune.async_job import AsyncFineTuneJob
from epitaxy.client.finetune.columns import LabelColumn, LabelCondition
from epitaxy.client.finetune.comparison import ModelComparison, compare_reports
from epitaxy.client.finetune.job import FineTuneJob
from epitaxy.client.finetune.render import FineTuneResult, JobStatus
from epitaxy.client.finetune.results import JobEvent, Succession
from epitaxy.client.inputs.item import ConditionValue
from epitaxy.client.inputs.material_columns import (
    MaterialColumn,
    composition_column,
    element_columns,
    polymer_column,
    smiles_column,
)
from epitaxy.client.inputs.materials import composition, molecule, polymer
from epitaxy.client.measurements.results import MeasurementReport, MeasurementResult, ModelHealth, PropertyHealth
from epitaxy.client.models.account.results import (
    AccountLimits,
    AuditRecord,
    CallerKey,
    DeletedTenant,
    FineTuneUsage,
    PredictionUsage,
)
from epitaxy.client.models.cards import BaseModel, ConditionCard, PropertyCard, TrainingData
from epitaxy.client.models.render import ModelCard
from epitaxy.client.models.review import AuditEntry, ModelChange, ReviewPolicy
from epitaxy.client.notebook import notebook_progress
from epitaxy.client.results import (
    CalibrationStamp,
    EmbeddingResult,
    IntakeReport,
    ItemError,
    Note,
    PropertyPrediction,
    Repair,
    Review,
)
from epitaxy.client.screening.async_run import AsyncScreenRun
from epitaxy.client.screening.columns import ScreenColumns
from epitaxy.client.screening.render import ScreenResult
from epitaxy.client.screening.rows import COLUMNS
from epitaxy.client.screening.run import ScreenRun
from epitaxy.client.screening.summary import RunSummary
from epitaxy.client.searching.async_run import AsyncSearchRun
from epitaxy.client.searching.order import Goal, Where
from epitaxy.client.searching.results import CandidateFate, SearchProgress, SearchSummary
from epitaxy.client.searching.run import SearchRun

__all__ = [
    "COLUMNS",
    "AccountLimits",
    "AsyncCampaigns",
    "AsyncClient",
    "AsyncFineTuneJob",
    "AsyncScreenRun",
    "AsyncSearchRun",
    "AuditEntry",
    "AuditRecord",
    "BaseModel",
    "Batch",
    "BestCandidate",
    "CalibrationStamp",
    "CallerKey",
    "Campaign",
    "CampaignEvent",
    "CampaignNews",
    "CampaignPrediction",
    "Campaigns",
    "CandidateFate",
    "Client",
    "ConditionCard",
    "ConditionValue",
    "DeletedTenant",
    "EmbeddingResult",
    "EpitaxyClientError",
    "Explanation",
    "FineTuneFailedError",
    "FineTuneJob",
    "FineTuneResult",
    "FineTuneUsage",
    "Goal",
    "IntakeReport",
    "InvalidRequestError",
    "ItemError",
    "JobEvent",
    "JobStatus",
    "LabelColumn",
    "LabelCondition",
    "Limit",
    "MaterialColumn",
    "MeasurementReport",
    "MeasurementResult",
    "ModelCard",
    "ModelChange",
    "ModelComparison",
    "ModelHealth",
    "NotFoundError",
    "Note",
    "Objective",
    "Outlook",
    "OverloadedError",
    "PoolProgress",
    "PoolReport",
    "PredictionUsage",
    "Promotion",
    "PropertyCard",
    "PropertyHealth",
    "PropertyPrediction",
    "QuotaExceededError",
    "Recommendation",
    "Repair",
    "ResultOutcome",
    "ResultReport",
    "Review",
    "ReviewPolicy",
    "RunSummary",
    "ScreenColumns",
    "ScreenResult",
    "ScreenRun",
    "SearchProgress",
    "SearchRun",
    "SearchSummary",
    "ServerFaultError",
    "Succession",
    "TrainingData",
    "UnauthenticatedError",
    "UnavailableError",
    "Where",
    "compare_reports",
    "composition",
    "composition_column",
    "element_columns",
    "molecule",
    "notebook_progress",
    "polymer",
    "polymer_column",
    "smiles_column",
]
