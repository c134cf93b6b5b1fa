"""Campaigns: what is recommended, what comes back, whether what was predicted held, and what a round costs."""

from tools.dashboards.grafana import Dashboard, Panel, Query, Row
from tools.dashboards.metrics import increase, quantile, rate, ratio, select, total
from tools.dashboards.variables import CAMPAIGN_TENANTS, CAMPAIGNS, NAMESPACES

_ACTIVE = "epitaxy_campaigns_active"
_TICKETS = "epitaxy_campaign_tickets_total"
_RESULTS = "epitaxy_campaign_results_total"
_REFUSED = 'outcome="refused"'
_CHOSEN = 'tenant=~"$tenant",campaign=~"$campaign"'
_COVERAGE = select("epitaxy_campaign_coverage", _CHOSEN)
_COUNTED = select("epitaxy_campaign_coverage_results", _CHOSEN)
_NOMINAL = select("epitaxy_campaign_nominal_coverage")
_PROCESS = 'job="epitaxy-campaigns"'


def _in_a_day(metric: str, *matchers: str) -> str:
    return increase(metric, *matchers, window="1d")


def _percentiles(histogram: str, window: str = "$__rate_interval") -> list[Query]:
    shares = (0.5, 0.95)
    expressions = [quantile(share, histogram).replace("$__rate_interval", window) for share in shares]
    return [Query(text, f"p{round(share * 100)}") for share, text in zip(shares, expressions, strict=True)]


_NOW = Row(
    "Now",
    [
        Panel(
            "Campaigns that recommend",
            "In the state ACTIVE.",
            "short",
            [Query(total(select(_ACTIVE, 'state="ACTIVE"')), "active")],
            kind="stat",
            width=6,
            height=5,
        ),
        Panel(
            "Tickets that are pending",
            "Recommended, and neither reported nor released; their leases run.",
            "short",
            [Query(total(select("epitaxy_campaign_pending_tickets")), "pending")],
            kind="stat",
            width=6,
            height=5,
        ),
        Panel(
            "Results in a day",
            "Measured, failed and abandoned samples that were taken in.",
            "short",
            [Query(total(_in_a_day(_RESULTS, 'outcome!="refused"')), "results")],
            kind="stat",
            width=6,
            height=5,
        ),
        Panel(
            "Refused in a day",
            "Share of the results that were reported. Below, by reason.",
            "percentunit",
            [Query(ratio(total(_in_a_day(_RESULTS, _REFUSED)), total(_in_a_day(_RESULTS))), "refused")],
            kind="stat",
            width=6,
            height=5,
            warn=0.1,
            alarm=0.5,
            highest=1,
        ),
    ],
)

_LOOP = Row(
    "The loop",
    [
        Panel(
            "Campaigns by state",
            "Those that are not closed.",
            "short",
            [Query(total(select(_ACTIVE), "state"), "{{state}}")],
            is_stacked=True,
        ),
        Panel(
            "Tickets by outcome",
            "In the hour before. Issued ones end as reported, failed, abandoned, released or expired.",
            "short",
            [Query(total(increase(_TICKETS, window="1h"), "outcome"), "{{outcome}}")],
        ),
        Panel(
            "Results by outcome",
            "In the hour before: a late one counts, a repeated one counts once, a refused one does not.",
            "short",
            [Query(total(increase(_RESULTS, window="1h"), "status", "outcome"), "{{status}} {{outcome}}")],
            is_stacked=True,
        ),
    ],
)

_TRUTH = Row(
    "What was predicted, and what was found",
    [
        Panel(
            "Coverage of a day",
            "Share of results inside the interval that was on record before them, over all campaigns, and the share "
            "that intervals promise. Campaigns choose what looks extreme, so some loss is selection.",
            "percentunit",
            [
                Query(
                    f"{total(_in_a_day('epitaxy_campaign_covered_results_total'))} "
                    f"/ {total(_in_a_day('epitaxy_campaign_predicted_results_total'))}",
                    "covered",
                ),
                Query(f"max({_NOMINAL})", "promised"),
            ],
            lowest=0.5,
            highest=1,
        ),
        Panel(
            "Coverage by campaign",
            "Of each campaign with 20 predicted results or more. Below 75 %, its intervals hold too little to plan by.",
            "percentunit",
            [Query(total(_COVERAGE, "campaign"), "{{campaign}}", is_instant=True)],
            kind="bargauge",
            warn=0.85,
            alarm=0.75,
            highest=1,
        ),
        Panel(
            "Results behind the coverage",
            "How many results each coverage counts: with 20, chance alone leaves it between 75 and 100 %.",
            "short",
            [Query(total(_COUNTED, "campaign"), "{{campaign}}", is_instant=True)],
            kind="bargauge",
        ),
        Panel(
            "Fallbacks in a day",
            "Times that descriptors, or the mean alone, took over from the transferred blocks because they predicted "
            "better. Many: the substrate does not help with what the tenants look for.",
            "short",
            [Query(total(_in_a_day("epitaxy_campaign_fallbacks_total"), "speaking"), "{{speaking}}", is_instant=True)],
            kind="bargauge",
            width=12,
            height=6,
        ),
        Panel(
            "Refusals by reason in a day",
            "Results that were not kept, by the reason that their sender was told.",
            "short",
            [Query(total(_in_a_day("epitaxy_campaign_refusals_total"), "reason"), "{{reason}}", is_instant=True)],
            kind="bargauge",
            width=12,
            height=6,
            warn=1,
            alarm=20,
        ),
    ],
)

_COST = Row(
    "Rounds and pools",
    [
        Panel(
            "Time of a round",
            "From a call for a batch to its entry in the log, of the rounds of an hour. It grows with the pool.",
            "s",
            _percentiles("epitaxy_campaign_round_seconds", "1h"),
            warn=30,
            alarm=300,
        ),
        Panel(
            "Candidates by state",
            "Of all pools. Waiting ones have no features yet; of copies of one crystal, one may be chosen.",
            "short",
            [Query(total(select("epitaxy_campaign_pool_candidates"), "state"), "{{state}}")],
            is_stacked=True,
        ),
        Panel(
            "Time of a block of features",
            "One block of candidates through the prediction service, of an hour.",
            "s",
            _percentiles("epitaxy_campaign_featurize_seconds", "1h"),
            warn=10,
            alarm=60,
        ),
        Panel(
            "Blocks that have to be tried again",
            "In the hour before. Pools wait while the prediction service is away, and go on by themselves.",
            "short",
            [Query(total(increase("epitaxy_campaign_featurize_failures_total", window="1h")), "failed")],
            width=6,
            warn=5,
            alarm=50,
        ),
        Panel(
            "Time of an entry in the log",
            "One append to the database, of an hour.",
            "s",
            _percentiles("epitaxy_campaign_log_append_seconds", "1h"),
            width=6,
            warn=0.25,
            alarm=1,
        ),
        Panel(
            "Entries that another process forestalled",
            "In the hour before. The log refuses the second of two entries with one number: a second process writes.",
            "short",
            [Query(total(increase("epitaxy_campaign_log_append_conflicts_total", window="1h")), "conflicts")],
            width=6,
            warn=1,
            alarm=5,
        ),
        Panel(
            "Memory of the service",
            "A pool's files count while they are read, and give way.",
            "bytes",
            [Query(total(select("process_resident_memory_bytes", _PROCESS)), "resident")],
            width=6,
        ),
        Panel(
            "Calls of the service",
            "95th percentile by method.",
            "s",
            [Query(quantile(0.95, "epitaxy_campaigns_request_seconds", by=("method",)), "{{method}}")],
            width=12,
            warn=30,
            alarm=300,
        ),
        Panel(
            "Calls by code",
            "Of the campaign service.",
            "suffix: /s",
            [Query(total(rate("epitaxy_campaigns_requests_total"), "code"), "{{code}}")],
            width=12,
            is_stacked=True,
        ),
    ],
)

CAMPAIGN_LOOPS = Dashboard(
    "epitaxy-campaigns",
    "Epitaxy / Campaigns",
    "What is recommended, what comes back, whether predictions held, and what a round costs.",
    [_NOW, _LOOP, _TRUTH, _COST],
    [NAMESPACES, CAMPAIGN_TENANTS, CAMPAIGNS],
)
