"""Databases with a short name, and their addresses."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from epitaxy.datasets.errors import FetchUsageError


@dataclass(frozen=True, slots=True)
class Provider:
    """An OPTIMADE database.

    Attributes:
        name: Short name.
        base_url: Address without the version.
        licence: Licence of its data, as stated on its site; ``"unknown"`` for a base URL.
        known_units: Unit suffixes of its own fields, for servers that do not state them.
    """

    name: str
    base_url: str
    licence: str = "unknown"
    known_units: tuple[tuple[str, str], ...] = ()


# Licences and units as stated on the sites of these databases.
PROVIDERS = {
    provider.name: provider
    for provider in (
        Provider(
            "oqmd",
            "https://oqmd.org/optimade",
            "CC-BY-4.0",
            (("_oqmd_delta_e", "eV_atom"), ("_oqmd_stability", "eV_atom"), ("_oqmd_band_gap", "eV")),
        ),
        Provider("jarvis", "https://jarvis.nist.gov/optimade/jarvisdft", "NIST, public domain in the US"),
        Provider(
            "alexandria",
            "https://alexandria.icams.rub.de/pbe",
            "CC-BY-4.0",
            (
                ("_alexandria_hull_distance", "eV_atom"),
                ("_alexandria_formation_energy_per_atom", "eV_atom"),
                ("_alexandria_band_gap", "eV"),
            ),
        ),
        Provider(
            "mp",
            "https://optimade.materialsproject.org",
            "CC-BY-4.0",
            (
                ("_mp_stability.gga_gga+u.formation_energy_per_atom", "eV_atom"),
                ("_mp_stability.gga_gga+u.energy_above_hull", "eV_atom"),
                ("_mp_stability.r2scan.formation_energy_per_atom", "eV_atom"),
                ("_mp_stability.r2scan.energy_above_hull", "eV_atom"),
            ),
        ),
    )
}


def resolve_provider(name_or_url: str, licence: str | None = None) -> Provider:
    """Finds the provider for a short name or a base URL. Raises FetchUsageError for anything else."""
    known = PROVIDERS.get(name_or_url.lower())
    if known is not None:
        return Provider(known.name, known.base_url, licence or known.licence, known.known_units)
    parts = urlsplit(name_or_url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise FetchUsageError(
            f"{name_or_url!r} is neither one of {', '.join(PROVIDERS)} nor an http(s) base URL of an OPTIMADE server"
        )
    return Provider(parts.netloc, name_or_url.rstrip("/").removesuffix("/v1"), licence or "unknown")
