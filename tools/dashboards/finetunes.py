"""Fine-tune jobs: how many, how long, how they end."""

from tools.dashboards.grafana import Dashboard, Panel, Query, Row
from tools.dashboards.metrics import BY_TENANT_AND_MODEL, increase, quantile, rate, ratio, select, total
from tools.dashboards.variables import JOB_MODELS, JOB_TENANTS, NAMESPACES

_ENDED = "epitaxy_finetune_job_seconds_count"
_ACTIVE = "epitaxy_finetune_active_jobs"
_RECENT = select("epitaxy_finetune_day_jobs", BY_TENANT_AND_MODEL)
_RESOURCES = "ray_resources"
_FAILED = 'state="FAILED"'


def _in_a_day(metric: str, *matchers: str) -> str:
    return increase(metric, *matchers, window="1d")


_NOW = Row(
    "Now",
    [
        Panel(
            "Jobs that wait",
            "Created, and no worker has taken them up.",
            "short",
            [Query(total(select(_ACTIVE, 'state="PENDING"')), "waiting")],
            kind="stat",
            width=6,
            height=5,
            warn=5,
            alarm=20,
        ),
        Panel(
            "Jobs that work",
            "Auditing, training or evaluating.",
            "short",
            [Query(total(select(_ACTIVE, 'state!="PENDING"')), "working")],
            kind="stat",
            width=6,
            height=5,
        ),
        Panel(
            "Jobs ended in a day",
            "However they ended.",
            "short",
            [Query(total(_in_a_day(_ENDED)), "ended")],
            kind="stat",
            width=6,
            height=5,
        ),
        Panel(
            "Failed in a day",
            "Share of the jobs that ended.",
            "percentunit",
            [Query(ratio(total(_in_a_day(_ENDED, _FAILED)), total(_in_a_day(_ENDED))), "failed")],
            kind="stat",
            width=6,
            height=5,
            warn=0.1,
            alarm=0.5,
            highest=1,
        ),
    ],
)

_JOBS = Row(
    "Jobs",
    [
        Panel(
            "Jobs by state",
            "Those that have not ended.",
            "short",
            [Query(total(select(_ACTIVE), "state"), "{{state}}")],
            is_stacked=True,
        ),
        Panel(
            "Jobs ended by state",
            "In the hour before.",
            "short",
            [Query(total(increase(_ENDED, window="1h"), "state"), "{{state}}")],
            is_stacked=True,
        ),
        Panel(
            "Duration",
            "From a job's creation to its end, waiting included, of those that succeeded.",
            "s",
            [
                Query(
                    quantile(share, "epitaxy_finetune_job_seconds", 'state="SUCCEEDED"').replace(
                        "$__rate_interval", "6h"
                    ),
                    f"p{round(share * 100)}",
                )
                for share in (0.5, 0.95)
            ],
            warn=3600,
            alarm=14400,
        ),
    ],
)

_ENDS = Row(
    "Verdicts and failures",
    [
        Panel(
            "Verdicts in a day",
            "On transfer: HELPS, NEUTRAL or HURTS against doing without it. Many HURTS: the substrate does not fit "
            "what the tenants bring.",
            "short",
            [Query(total(_in_a_day("epitaxy_finetune_verdicts_total"), "verdict"), "{{verdict}}", is_instant=True)],
            kind="bargauge",
            width=6,
        ),
        Panel(
            "Winning strategies in a day",
            "Which strategy made the model that was registered.",
            "short",
            [
                Query(
                    f"{total(_in_a_day('epitaxy_finetune_verdicts_total'), 'strategy', 'verdict')} > 0",
                    "{{strategy}} {{verdict}}",
                )
            ],
            kind="table",
            width=6,
        ),
        Panel(
            "Failures by reason in a day",
            "The same reasons as in the jobs' records, which say what to do.",
            "short",
            [Query(total(_in_a_day("epitaxy_finetune_failures_total"), "reason"), "{{reason}}", is_instant=True)],
            kind="bargauge",
            width=6,
            warn=1,
            alarm=5,
        ),
        Panel(
            "Attempts lost with their worker",
            "In the hour before. A job begins again until its attempts are used up.",
            "short",
            [Query(f"sum({increase('epitaxy_finetune_lost_workers_total', window='1h')})", "lost")],
            width=6,
            warn=1,
            alarm=5,
        ),
    ],
)

_TENANTS = Row(
    "Tenants and models",
    [
        Panel(
            "Jobs of a day by tenant",
            "Those that ended, by the state they ended in.",
            "short",
            [Query(total(_RECENT, "tenant", "state"), "{{tenant}} {{state}}", is_instant=True)],
            kind="bargauge",
            width=12,
        ),
        Panel(
            "Jobs of a day by model",
            "Those that ended. One that is made again and again: its owner may want another strategy, or more labels.",
            "short",
            [Query(total(_RECENT, "model", "state"), "")],
            kind="table",
            width=12,
        ),
        Panel(
            "Champions by substrate",
            "Of all tenants. Models on an earlier substrate go on to be served; a refit brings one to the present one.",
            "short",
            [Query(total(select("epitaxy_finetune_champions"), "substrate"), "{{substrate}}")],
            width=24,
            height=6,
            is_stacked=True,
        ),
    ],
)

_CLUSTER = Row(
    "Cluster and service",
    [
        Panel(
            "GPUs reserved",
            "Of Ray's nodes; none while the GPU group is scaled to zero.",
            "short",
            [Query(total(select(_RESOURCES, 'Name="GPU"'), "State"), "{{State}}")],
            width=6,
            is_stacked=True,
        ),
        Panel(
            "GPU use",
            "By node, all of its GPUs together. Reserved and idle: data or CPU work holds the job up.",
            "percent",
            [Query(f"avg by (ip) ({select('ray_node_gpus_utilization')})", "{{ip}}")],
            width=6,
            highest=100,
        ),
        Panel(
            "CPUs reserved",
            "Of Ray's nodes.",
            "short",
            [Query(total(select(_RESOURCES, 'Name="CPU"'), "State"), "{{State}}")],
            width=6,
            is_stacked=True,
        ),
        Panel(
            "Calls of the service",
            "95th percentile by method.",
            "s",
            [Query(quantile(0.95, "epitaxy_finetune_request_seconds", by=("method",)), "{{method}}")],
            width=6,
            warn=1,
            alarm=5,
        ),
        Panel(
            "Calls by code",
            "Of the fine-tune service.",
            "suffix: /s",
            [Query(total(rate("epitaxy_finetune_requests_total"), "code"), "{{code}}")],
            width=24,
            height=6,
            is_stacked=True,
        ),
    ],
)

FINE_TUNES = Dashboard(
    "epitaxy-fine-tunes",
    "Epitaxy / Fine-tunes",
    "Jobs by state, duration, verdicts, failures and the cluster under them.",
    [_NOW, _JOBS, _ENDS, _TENANTS, _CLUSTER],
    [NAMESPACES, JOB_TENANTS, JOB_MODELS],
)
