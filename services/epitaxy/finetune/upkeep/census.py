"""Counts models by the substrate that they stand on, so that the operator sees when an earlier one is still needed."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from json import loads

from epitaxy.chassis.errors import NotFoundError
from epitaxy.chassis.model_names import ModelName
from epitaxy.finetune.ports import ModelRegistry
from epitaxy.registry.ports import Alias, ModelVersion

SUBSTRATE_TAG = "substrate"
"""Tag of a version in the registry: ``NAME:VERSION`` of its substrate. Versions of earlier releases have none."""


@dataclass(slots=True)
class SubstrateCensus:
    """Asks the registry for every tenant's champions. What it has read of a version is kept: it never changes."""

    registry: ModelRegistry
    _known: dict[tuple[ModelName, str], str] = field(default_factory=dict, init=False)

    def __call__(self) -> Mapping[str, int]:
        """Number of champions by the ``NAME:VERSION`` of their substrate. Raises UnavailableError."""
        if not self.registry.exists():
            return {}
        champions = [
            (entry.model, entry.aliases[Alias.CHAMPION])
            for tenant in self.registry.tenants()
            for entry in self.registry.list(tenant)
            if Alias.CHAMPION in entry.aliases
        ]
        found = {champion: self._substrate(champion) for champion in champions}
        self._known = {champion: substrate for champion, substrate in found.items() if substrate}
        return Counter(self._known.values())

    def _substrate(self, champion: tuple[ModelName, str]) -> str:
        """Empty if the version was deleted meanwhile."""
        if champion in self._known:
            return self._known[champion]
        model, number = champion
        try:
            version = self.registry.find(model, version=number)
            return version.tags.get(SUBSTRATE_TAG) or self._of_card(version)
        except NotFoundError:
            return ""

    def _of_card(self, version: ModelVersion) -> str:
        base = loads(self.registry.card(version)).get("base", {})
        return f"{base['name']}:{base['version']}" if base else ""
