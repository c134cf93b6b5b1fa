"""Which models answer whom, and how far their answers can be trusted."""

from tools.dashboards.grafana import Dashboard, Panel, Query, Row
from tools.dashboards.metrics import BY_TENANT_AND_MODEL, increase, quantile, rate, ratio, select, total
from tools.dashboards.variables import MODELS, NAMESPACES, TENANTS

_STRUCTURES = "epitaxy_gateway_model_structures_total"
_REVIEWS = "epitaxy_gateway_model_reviews_total"
_EXPLANATIONS_TOTAL = "ray_epitaxy_prediction_explanations_total"
_EXPLANATION_SECONDS = "ray_epitaxy_prediction_explanation_seconds"
_MODEL = 'model=~"$model"'
_MEASURED = select("epitaxy_gateway_model_measured_coverage_ratio", _MODEL)
_PROMISED = select("epitaxy_gateway_model_promised_coverage_ratio", _MODEL)
_VERSION = ("model", "version")
_PROPERTY = ("model", "version", "property")
_VERDICT_LEGEND = "{{model}} {{version}}"
_PROPERTY_LEGEND = "{{model}} {{version}} {{property}}"
_REPORTED_LEGEND = f"{{{{tenant}}}} {_PROPERTY_LEGEND}"


def _share(verdicts: str) -> str:
    matching = rate(_STRUCTURES, BY_TENANT_AND_MODEL, f'verdict=~"{verdicts}"', window="30m")
    return ratio(total(matching, *_VERSION), total(rate(_STRUCTURES, BY_TENANT_AND_MODEL, window="30m"), *_VERSION))


def _reviewed(verdict: str) -> str:
    matching = rate(_REVIEWS, BY_TENANT_AND_MODEL, f'verdict="{verdict}"', window="30m")
    return ratio(total(matching, *_VERSION), total(rate(_REVIEWS, BY_TENANT_AND_MODEL, window="30m"), *_VERSION))


def _mean_spread(window: str) -> str:
    spread = total(rate("epitaxy_gateway_model_epistemic_std_total", _MODEL, window=window), *_PROPERTY)
    return f"{spread} / {total(rate('epitaxy_gateway_model_values_total', _MODEL, window=window), *_PROPERTY)}"


def _reported(name: str) -> str:
    return select(f"epitaxy_measurements_{name}", BY_TENANT_AND_MODEL)


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
            width=6,
        ),
        Panel(
            "Review share",
            "Share of the structures of half an hour that the models' review policies hold back: REVIEW for a person "
            "to look at first, REJECT not to be used.",
            "percentunit",
            [
                Query(_reviewed("REVIEW"), f"review {_VERDICT_LEGEND}"),
                Query(_reviewed("REJECT"), f"reject {_VERDICT_LEGEND}"),
            ],
            warn=0.4,
            alarm=0.7,
            highest=1,
            width=6,
        ),
        Panel(
            "Rules of review policies that fired",
            "By rule: what to look at first where the review share rises.",
            "suffix: /s",
            [Query(total(rate("epitaxy_gateway_model_review_rules_total", _MODEL), "rule"), "{{rule}}")],
            is_stacked=True,
            width=6,
        ),
        Panel(
            "Structures by domain verdict",
            "Of the chosen tenants and models.",
            "suffix: /s",
            [Query(total(rate(_STRUCTURES, BY_TENANT_AND_MODEL), "verdict"), "{{verdict}}")],
            is_stacked=True,
            width=6,
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

_MEASUREMENTS = Row(
    "Measured after it was predicted",
    [
        Panel(
            "Coverage of what was measured",
            "Share of a tenant's latest measurements (at most 200) inside their intervals, and the band in which "
            "chance alone leaves it in 99 of 100 cases. Below it the intervals are too narrow for what is measured.",
            "percentunit",
            [
                Query(_reported("coverage_ratio"), f"coverage {_REPORTED_LEGEND}"),
                Query(_reported("band_lower_ratio"), f"least {_REPORTED_LEGEND}"),
                Query(_reported("band_upper_ratio"), f"most {_REPORTED_LEGEND}"),
            ],
            width=12,
            lowest=0.5,
            highest=1,
        ),
        Panel(
            "Coverage above the least",
            "Coverage less the least that chance explains. Below 0 an alert is due, from 20 measurements on.",
            "percentunit",
            [
                Query(
                    f"{_reported('coverage_ratio')} - {_reported('band_lower_ratio')}",
                    _REPORTED_LEGEND,
                    is_instant=True,
                )
            ],
            kind="bargauge",
            width=12,
            warn=0.01,
            alarm=0,
            lowest=-0.2,
            highest=0.2,
        ),
        Panel(
            "Error of what was measured",
            "Mean absolute error over the window, in each property's own unit, and the mean of measured minus "
            "predicted. A bias about as large as the error is an offset that a fine-tune learns.",
            "short",
            [
                Query(_reported("mean_absolute_error"), f"error {_REPORTED_LEGEND}"),
                Query(_reported("bias"), f"bias {_REPORTED_LEGEND}"),
            ],
            width=12,
            lowest=None,
        ),
        Panel(
            "Measurements kept",
            "Those that count now, and in all.",
            "short",
            [
                Query(_reported("window_size"), f"window {_REPORTED_LEGEND}"),
                Query(_reported("total"), f"all {_REPORTED_LEGEND}"),
            ],
            width=12,
        ),
    ],
)

_EXPLANATIONS = Row(
    "Explanations",
    [
        Panel(
            "Explanations by outcome",
            "Of half an hour, by how their own test ended: one that failed it says so in its answer. No process "
            "explains until somebody asks.",
            "short",
            [Query(total(increase(_EXPLANATIONS_TOTAL, window="30m"), "outcome"), "{{outcome}}")],
            is_stacked=True,
            width=12,
        ),
        Panel(
            "Time of an explanation",
            "In the process that explains, without waiting for it.",
            "s",
            [Query(quantile(share, _EXPLANATION_SECONDS), f"p{round(share * 100)}") for share in (0.5, 0.95)],
            width=12,
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

_PROMISES = Row(
    "Promises",
    [
        Panel(
            "Champions that do not load",
            "Tries within half an hour, by reason; the version before serves on.",
            "short",
            [
                Query(
                    total(
                        increase("ray_epitaxy_prediction_champions_not_loaded_total", window="30m"),
                        "reason",
                    ),
                    "{{reason}}",
                )
            ],
            is_stacked=True,
            width=12,
        ),
        Panel(
            "Audit log intact",
            "1 while every line of the audit log is as it was written.",
            "short",
            [Query(f"min({select('epitaxy_finetune_audit_log_intact')})", "intact")],
            width=12,
        ),
    ],
)

TRUST = Dashboard(
    "epitaxy-models-and-trust",
    "Epitaxy / Models and trust",
    "Versions in service, domain verdicts, calibration, measurements, explanations and usage.",
    [_VERSIONS, _DOMAIN, _CALIBRATION, _MEASUREMENTS, _EXPLANATIONS, _PROMISES, _USAGE],
    [NAMESPACES, TENANTS, MODELS],
)
