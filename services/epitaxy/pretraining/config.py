"""The pretraining configuration file: a closed schema, every mistake one line that names its place."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from epitaxy_models.data.auxiliary.labels import GROUPS
from epitaxy_models.data.units import UNITS as TABLE_UNITS
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.graphs.graph import DEFAULT_RULE
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.training.config import TrainingConfig
from epitaxy_models.training.presets import preset_tasks, rule_of_material
from epitaxy_models.training.split import Resampling
from epitaxy_models.training.tasks import Task, auxiliary_tasks

# Suffix of a label column, and the unit that it states, beside those of tables that ``epitaxy data`` writes.
_OWN_UNITS = {
    "_meV_atom": "meV/atom",
    "_eV_atom": "eV/atom",
    "_eV_cell": "eV/cell",
    "_g_cm3": "g/cm3",
    "_A3_atom": "A3/atom",
    "_eV": "eV",
    "_GPa": "GPa",
    "_A3": "A3",
    "_cm1": "1/cm",
    "_K": "K",
    "_A": "Angstrom",
    "_1": "1",
}
_OF_TABLES = {f"_{suffix}": unit or "1" for suffix, unit in TABLE_UNITS.items()}
# Longer suffixes first: _meV_atom ends in eV_atom too.
UNITS = dict(sorted((_OF_TABLES | _OWN_UNITS).items(), key=lambda pair: -len(pair[0])))


_PRESETS = {"crystal": "materials_project", "molecule": "molecules", "composition": "compositions"}


def unit_of(column: str) -> str:
    """The unit that a label column's suffix states. Raises ValueError if it states none."""
    for suffix, unit in UNITS.items():
        if column.endswith(suffix):
            return unit
    known = ", ".join(UNITS)
    raise ValueError(f"label column {column!r} states no unit: end its name with one of {known} (_1: dimensionless)")


def _with_unit(column: str) -> str:
    unit_of(column)
    return column


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TaskSection(_Closed):
    """One label column as a task of the network."""

    column: Annotated[str, AfterValidator(_with_unit)]
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    fidelity: Fidelity
    level_of_theory: str
    description: str
    weight: float = Field(default=1.0, gt=0)
    has_references: bool = False
    is_served: bool = False
    lower_bound: float | None = None
    upper_bound: float | None = None

    def task(self) -> Task:
        """The task, its unit read from the column's suffix."""
        definition = PropertyDefinition(
            self.name,
            unit_of(self.column),
            self.fidelity,
            self.level_of_theory,
            self.description,
            self.lower_bound,
            self.upper_bound,
        )
        return Task(self.column, definition, self.weight, self.has_references, self.is_served)


class GraphSection(_Closed):
    """How a structure becomes a graph."""

    k: int = Field(default=DEFAULT_RULE.k, gt=0)
    reach: float = Field(default=DEFAULT_RULE.reach, gt=0)
    radius_max: float = Field(default=DEFAULT_RULE.radius_max, gt=0)
    shell_tolerance: float = Field(default=DEFAULT_RULE.shell_tolerance, gt=0)


class TrainingSection(_Closed):
    """What decides the trajectory; see ``TrainingConfig``."""

    members: tuple[int, ...] = TrainingConfig().members
    epochs: int = Field(default=TrainingConfig().epochs, gt=0)
    batch_size: int = Field(default=TrainingConfig().batch_size, gt=0)
    peak_rate: float = Field(default=TrainingConfig().peak_rate, gt=0)
    warmup_steps: int = Field(default=TrainingConfig().warmup_steps, gt=0)
    decay_share: float = Field(default=TrainingConfig().decay_share, gt=0, le=1)
    weight_decay: float = Field(default=TrainingConfig().weight_decay, ge=0)
    ema_decay: float = Field(default=TrainingConfig().ema_decay, ge=0, lt=1)
    clip_norm: float = Field(default=TrainingConfig().clip_norm, gt=0)
    width: int = Field(default=TrainingConfig().width, gt=0)
    n_layers: int = Field(default=TrainingConfig().n_layers, gt=0)
    head_width: int = Field(default=TrainingConfig().head_width, gt=0)
    resampling: Resampling = Resampling.TENTH
    start_from: str = Field(default="", description="checkpoint of an earlier run, or a published model's folder")
    class_weights: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        default=(), description="weights in the loss of crystals of one, two, ... elements"
    )


class ScalingSection(_Closed):
    """Workers of Ray Train and what each reserves."""

    workers: int = Field(default=1, gt=0)
    use_gpu: bool = False
    cpus_per_worker: float = Field(default=1.0, gt=0)
    threads: int = Field(default=1, gt=0, description="torch threads of a worker")
    placement_strategy: Literal["PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD"] = "PACK"
    precision: Literal["float32", "bf16"] = "float32"

    @model_validator(mode="after")
    def _bf16_is_for_gpus(self) -> "ScalingSection":
        if self.precision == "bf16" and not self.use_gpu:
            raise ValueError("precision bf16 needs use_gpu: it is several times slower than float32 on a CPU")
        return self


class TrackingSection(_Closed):
    """MLflow: a server's URL, or nothing for sqlite and files below the work folder."""

    enabled: bool = True
    uri: str = ""
    experiment: str = "pretrain"


class PublishSection(_Closed):
    """What the card of the published substrate says; what is left out is said of the shipped one by its preset."""

    name: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9._-]*$")
    version: str = Field(default="1", pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]*$")
    description: str | None = None
    license: str | None = Field(default=None, description="of weights and code")
    data: str | None = Field(default=None, description="what was pretrained on")
    attribution: str | None = Field(default=None, description="who is to be named")
    data_license: str | None = Field(default=None, description="licences of the sources")
    hardware: str = ""


class PretrainConfig(_Closed):
    """``pretrain.yaml``. Relative paths start at the file's own folder."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    material: Literal["crystal", "molecule", "composition"] = "crystal"
    data: Path = Field(
        description="Parquet with structure, smiles or composition, formula (or canonical key) and the label columns"
    )
    work: Path = Field(description="graph store, checkpoints, journal; on several machines a folder that all share")
    tasks: Literal["materials_project", "molecules", "compositions"] | tuple[TaskSection, ...] | None = Field(
        default=None, description="preset or list of label columns; by default the preset of the material"
    )
    auxiliary: tuple[str, ...] = Field(
        default=(), description="groups of auxiliary labels; columns by epitaxy_models.data.auxiliary"
    )
    graph: GraphSection = GraphSection()
    training: TrainingSection = TrainingSection()
    scaling: ScalingSection = ScalingSection()
    tracking: TrackingSection = TrackingSection()
    publish: PublishSection = PublishSection()
    featurize_processes: int = Field(default=1, gt=0)
    patience: int | None = Field(default=None, gt=0, description="epochs without a better score that end the run")
    max_restarts: int = Field(default=3, ge=-1, description="of the workers after one was lost; -1: without limit")
    ray_address: str = Field(default="", description="of a running cluster; empty: a private Ray on this machine")

    @model_validator(mode="after")
    def _consistent(self) -> "PretrainConfig":
        if self.tasks == ():
            raise ValueError("tasks is empty: name at least one label column")
        if self.training.batch_size < self.scaling.workers:
            raise ValueError(f"{self.scaling.workers} workers cannot share a batch of {self.training.batch_size}")
        self._check_material()
        unknown = [group for group in self.auxiliary if group not in GROUPS]
        if unknown:
            raise ValueError(f"auxiliary names no group {', '.join(unknown)}: give any of {', '.join(GROUPS)}")
        if not self.training.members or len(set(self.training.members)) < len(self.training.members):
            raise ValueError(f"members must be distinct numbers, got {list(self.training.members)}")
        return self

    def _check_material(self) -> None:
        if self.material != "crystal" and (self.auxiliary or self.graph != GraphSection()):
            raise ValueError(f"auxiliary and graph are settings of crystals, and the material is {self.material}")
        if isinstance(self.tasks, str) and self.tasks != _PRESETS[self.material]:
            raise ValueError(f"tasks {self.tasks} are not those of a {self.material}: give {_PRESETS[self.material]}")

    def training_config(self) -> TrainingConfig:
        """The settings of the training loop."""
        tasks = (
            tuple(section.task() for section in self.tasks)
            if isinstance(self.tasks, tuple)
            else preset_tasks(_PRESETS[self.material])
        )
        tasks += auxiliary_tasks(self.auxiliary)
        rule = rule_of_material(self.material, self.graph.model_dump())
        return TrainingConfig(**self.training.model_dump(), rule=rule, tasks=tasks)


def read_config(path: Path) -> PretrainConfig:
    """The configuration in a YAML file. Raises ConfigurationError in one line that names the key at fault."""
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}", reason="CONFIG_UNREADABLE") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{path}: {' '.join(str(error).split())}", reason="CONFIG_UNREADABLE") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path}: holds no mapping of keys", reason="CONFIG_INVALID")
    try:
        config = PretrainConfig.model_validate(content)
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {_one_line(error)}", reason="CONFIG_INVALID") from error
    folder = path.resolve().parent
    places: dict[str, Any] = {"data": (folder / config.data).resolve(), "work": (folder / config.work).resolve()}
    if config.training.start_from:
        start = str((folder / config.training.start_from).resolve())
        places["training"] = config.training.model_copy(update={"start_from": start})
    return config.model_copy(update=places)


def _one_line(error: ValidationError) -> str:
    """Each mistake with its place; a task is either the name of a preset or a list, and the list is what is meant."""
    problems = []
    for problem in error.errors():
        if (
            problem["type"] == "literal_error"
            and problem["loc"][0] == "tasks"
            and not isinstance(problem["input"], str | None)
        ):
            continue
        place = ".".join(str(part) for part in _place(problem["loc"]))
        text = "unknown key" if problem["type"] == "extra_forbidden" else problem["msg"].removeprefix("Value error, ")
        problems.append(f"{place}: {text}" if place else text)
    return "; ".join(problems)


def _place(location: Sequence[int | str]) -> list[int | str]:
    """Without the names that pydantic gives to the alternatives of ``tasks``."""
    return [part for part in location if not (isinstance(part, str) and part.startswith(("literal[", "tuple[")))]
