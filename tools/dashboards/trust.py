"""Which models answer whom, and how far their answers can be trusted."""

from tools.dashboards.grafana import Dashboard, Panel, Query, Row
from tools.dashboards.metrics import BY_TENANT_AND_MODEL, increase, rate, ratio, select, total
from tools.dashboards.variables import MODELS, NAMESPACES, TENANTS

_STRUCTURES = "epitaxy_gateway_model_structures_total"
_MODEL = 'model=~"$model"'
_MEASURED = select("epitaxy_gateway_model_measured_coverage_ratio", _MODEL)
_PROMISED = select("epitaxy_gateway_model_promised_coverage_ratio", _MODEL)
_VERSION = ("model", "version")
_PROPERTY = ("model", "version", "property")
_VERDICT_LEGEND = "{{model}} {{version}}"
_PROPERTY_LEGEND = "{{model}} {{version}} {{property}}"


def _share(verdicts: str) -> str:
    matching = rate(_STRUCTURES, BY_TENANT_AND_MODEL, f'verdict=~"{verdicts}"', window="30m")
    return ratio(total(matching, *_VERSION), total(rate(_STRUCTURES, BY_TENANT_AND_MODEL, window="30m"), *_VERSION))


def _mean_spread(window: str) -> str:
    spread = total(rate("epitaxy_gateway_model_epistemic_std_total", _MODEL, window=window), *_PROPERTY)
    return f"{spread} / {total(rate('epitaxy_gateway_model_values_total', _MODEL, window=window), *_PROPERTY)}"


_VERSIONS = Row(
    "Versions in service",
    [
        Panel(
            "Versions that answered in the last hour",
            "Structures by tenant, model and version. Two versions of one model are seen while a promotion spreads, or "
            "where callers name a version.",
            "short",
            [Query(f"{total(increase(_STRUCTURES, BY_TENANT_AND_MODEL, window='1h'), 'tenant', *_VERSION)} > 0", "")],
            kind="table",
            width=12,
        ),
        Panel(
            "Structures answered by version",
            "A promotion or a roll-back shows as one version taking over from another.",
            "suffix: /s",
            [Query(total(rate(_STRUCTURES, BY_TENANT_AND_MODEL), *_VERSION), _VERDICT_LEGEND)],
            width=12,
            is_stacked=True,
        ),
    ],
)

_DOMAIN = Row(
    "Domain",
    [
        Panel(
            "Outside of the domain",
            "Share of the structures of half an hour that lie beyond what the model was trained on.",
            "percentunit",
            [Query(_share("OUT_OF_DOMAIN"), _VERDICT_LEGEND)],
            warn=0.2,
            alarm=0.5,
            highest=1,
        ),
        Panel(
            "For a person to review",
            "Share of the structures of half an hour that are borderline or outside: look at them before they are "
            "believed.",
            "percentunit",
            [Query(_share("BORDERLINE|OUT_OF_DOMAIN"), _VERDICT_LEGEND)],
            warn=0.4,
            alarm=0.7,
            highest=1,
        ),
        Panel(
            "Structures by domain verdict",
            "Of the chosen tenants and models.",
            "suffix: /s",
            [Query(total(rate(_STRUCTURES, BY_TENANT_AND_MODEL), "verdict"), "{{verdict}}")],
            is_stacked=True,
        ),
    ],
)

_CALIBRATION = Row(
    "Calibration and spread",
    [
        Panel(
            "Coverage, measured and promised",
            "Share of kept-back labels inside their intervals, by the calibration that answers carry, and what the "
            "intervals promise. It moves when another version serves; errors on new structures are unknown until they "
            "are measured.",
            "percentunit",
            [Query(_MEASURED, f"measured {_PROPERTY_LEGEND}"), Query(_PROMISED, f"promised {_PROPERTY_LEGEND}")],
            lowest=0.5,
            highest=1,
        ),
        Panel(
            "Coverage that is missing",
            "Promised less measured. Below 0 the intervals are wider than they need be.",
            "percentunit",
            [Query(f"{_PROMISED} - {_MEASURED}", _PROPERTY_LEGEND, is_instant=True)],
            kind="bargauge",
            warn=0.02,
            alarm=0.05,
            lowest=-0.1,
            highest=0.1,
        ),
        Panel(
            "Spread of the members against their last day",
            "Mean epistemic spread of half an hour over that of a day. A rise means that what is asked has moved away "
            "from what was learned, and that errors rise with it.",
            "none",
            [Query(f"({_mean_spread('30m')}) / ({_mean_spread('1d')})", _PROPERTY_LEGEND)],
            warn=1.5,
            alarm=3,
        ),
        Panel(
            "Mean spread of the members",
            "Mean epistemic standard deviation of half an hour, in each property's own unit (eV/atom, eV, ...).",
            "short",
            [Query(_mean_spread("30m"), _PROPERTY_LEGEND)],
            width=24,
            height=7,
        ),
    ],
)

_USAGE = Row(
    "Usage",
    [
        Panel(
            "Structures received in a day",
            "The ten largest tenants.",
            "short",
            [
                Query(
                    "topk(10, "
                    + total(
                        increase("epitaxy_gateway_tenant_structures_total", 'tenant=~"$tenant"', window="1d"), "tenant"
                    )
                    + ")",
                    "{{tenant}}",
                    is_instant=True,
                )
            ],
            kind="bargauge",
            width=12,
        ),
        Panel(
            "Structures answered by tenant",
            "With the chosen models.",
            "suffix: /s",
            [Query(total(rate(_STRUCTURES, BY_TENANT_AND_MODEL), "tenant"), "{{tenant}}")],
            width=12,
            is_stacked=True,
        ),
    ],
)

TRUST = Dashboard(
    "epitaxy-models-and-trust",
    "Epitaxy / Models and trust",
    "Versions in service, domain verdicts, calibration and usage.",
    [_VERSIONS, _DOMAIN, _CALIBRATION, _USAGE],
    [NAMESPACES, TENANTS, MODELS],
)
