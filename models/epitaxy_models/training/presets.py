"""Tasks and rules by name, loaded when they are asked for: a run on crystals needs no RDKit."""

from collections.abc import Mapping
from typing import Any

from epitaxy_models.errors import ConfigurationError
from epitaxy_models.graphs.graph import GraphRule
from epitaxy_models.graphs.rules import CompositionRule, Rule
from epitaxy_models.training.tasks import MATERIALS_PROJECT_TASKS, Task


def preset_tasks(name: str) -> tuple[Task, ...]:
    """Tasks of a preset: ``materials_project``, ``molecules``, ``compositions``. Raises ConfigurationError."""
    if name == "materials_project":
        return MATERIALS_PROJECT_TASKS
    if name == "molecules":
        from epitaxy_models.training.molecule_tasks import MOLECULE_TASKS  # noqa: PLC0415 - loads RDKit

        return MOLECULE_TASKS
    if name == "compositions":
        from epitaxy_models.training.composition_tasks import COMPOSITION_TASKS  # noqa: PLC0415 - as the one above

        return COMPOSITION_TASKS
    raise ConfigurationError(f"no tasks are called {name!r:.40}", reason="UNKNOWN_TASKS")


def rule_of_material(material: str, crystal_graph: Mapping[str, Any]) -> Rule:
    """The rule of ``crystal`` with these settings, of ``molecule`` or of ``composition``. Raises ConfigurationError."""
    if material == "crystal":
        return GraphRule(**crystal_graph)
    if material == "molecule":
        from epitaxy_models.graphs.molecule_graph import shipped_rule  # noqa: PLC0415 - loads RDKit

        return shipped_rule()
    if material == "composition":
        return CompositionRule()
    raise ConfigurationError(f"no material is called {material!r:.40}", reason="UNKNOWN_MATERIAL")
