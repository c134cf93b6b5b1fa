"""What an operator looks at while structures are screened."""

from tools.dashboards.grafana import GREEN, RED, Dashboard, Panel, Query, Row
from tools.dashboards.metrics import BY_TENANT_AND_MODEL, EVALUATE, increase, last, quantile, rate, ratio, select, total
from tools.dashboards.variables import MODELS, NAMESPACES, TENANTS

_STRUCTURES = "epitaxy_gateway_structures_total"
_BY_MODEL = "epitaxy_gateway_model_structures_total"
_STAGES = "ray_epitaxy_prediction_stage_seconds"
_LOOKUPS = "ray_epitaxy_prediction_cache_lookups_total"
_FAILED = 'outcome="failed"'
_BY_SUBSTRATE = "ray_epitaxy_prediction_structures_total"
_BY_KIND = "ray_epitaxy_prediction_materials_total"

_BELOW = 'is_below="true"'


def _in_an_hour(metric: str, *matchers: str) -> str:
    return total(increase(metric, *matchers, window="1h"))


_AUDITED = _in_an_hour("epitaxy_gateway_search_audited_total")

_NOW = Row(
    "Now",
    [
        Panel(
            "Structures answered",
            "Of the chosen tenants and models, a second.",
            "suffix: /s",
            [Query(total(rate(_BY_MODEL, BY_TENANT_AND_MODEL)), "answered")],
            kind="stat",
            width=6,
            height=5,
        ),
        Panel(
            "Structures lost",
            "Share of structures that ended in a fault of ours, which a retry may cure. The objective allows 0.1 %.",
            "percentunit",
            [Query(ratio(total(rate(_STRUCTURES, _FAILED)), total(rate(_STRUCTURES))), "lost")],
            kind="stat",
            width=6,
            height=5,
            warn=0.001,
            alarm=0.0144,
        ),
        Panel(
            "Messages answered within 30 s",
            "Share of the messages of screens. The objective is 99 %.",
            "percentunit",
            [
                Query(
                    ratio(
                        total(rate("epitaxy_gateway_chunk_seconds_bucket", 'le="30.0"')),
                        total(rate("epitaxy_gateway_chunk_seconds_count")),
                    ),
                    "in time",
                )
            ],
            kind="stat",
            width=6,
            height=5,
            warn=0.99,
            alarm=0.9,
            highest=1,
        ),
        Panel(
            "Messages under way",
            "Messages of screens that wait for their answer; each stream has at most 8.",
            "short",
            [Query(total(select("epitaxy_gateway_chunks_in_flight")), "under way")],
            kind="stat",
            width=6,
            height=5,
        ),
    ],
)

_TRAFFIC = Row(
    "Throughput",
    [
        Panel(
            "Structures by outcome",
            "Answered; refused for what they are; failed by a fault of ours.",
            "suffix: /s",
            [Query(total(rate(_STRUCTURES), "outcome"), "{{outcome}}")],
            is_stacked=True,
        ),
        Panel(
            "Structures received by tenant",
            "Before any is refused or shed.",
            "suffix: /s",
            [
                Query(
                    total(rate("epitaxy_gateway_tenant_structures_total", 'tenant=~"$tenant"'), "tenant"), "{{tenant}}"
                )
            ],
            is_stacked=True,
        ),
        Panel(
            "Structures answered by model",
            "By model version, of the chosen tenants.",
            "suffix: /s",
            [Query(total(rate(_BY_MODEL, BY_TENANT_AND_MODEL), "model", "version"), "{{model}} {{version}}")],
            is_stacked=True,
        ),
    ],
)

_LATENCY = Row(
    "Latency",
    [
        Panel(
            "One message of a screen",
            "From its arrival at the gateway to its answer, retries included. A message carries up to 512 structures "
            "and waits behind those before it: under load this grows by design, and the objective is 30 s for 99 %.",
            "s",
            [
                Query(quantile(share, "epitaxy_gateway_chunk_seconds"), f"p{round(share * 100)}")
                for share in (0.5, 0.95, 0.99)
            ],
            warn=10,
            alarm=30,
        ),
        Panel(
            "One attempt upstream",
            "Calls of the prediction application as the gateway sees them.",
            "s",
            [
                Query(quantile(share, "epitaxy_gateway_upstream_seconds", EVALUATE), f"Evaluate p{round(share * 100)}")
                for share in (0.5, 0.95)
            ],
            warn=30,
            alarm=120,
        ),
        Panel(
            "Calls of the gateway",
            "95th percentile by method. A Screen lasts as long as its caller sends.",
            "s",
            [
                Query(
                    quantile(0.95, "epitaxy_gateway_request_seconds", 'method!~"/grpc.+"', by=("method",)), "{{method}}"
                )
            ],
        ),
        Panel(
            "Stages",
            "95th percentile of one block, one request or one batch in each stage. embed contains queue, forward and "
            "the way there and back.",
            "s",
            [Query(quantile(0.95, _STAGES, by=("stage",)), "{{stage}}")],
            width=12,
        ),
        Panel(
            "Where the time goes",
            "Seconds spent in a stage, a second. Ray keeps sums by the middle of each bucket: read shares, not digits.",
            "s",
            [Query(total(rate(f"{_STAGES}_sum", 'stage!="embed"'), "stage"), "{{stage}}")],
            width=12,
            is_stacked=True,
        ),
    ],
)

_BATCHES = Row(
    "Batches and queue",
    [
        Panel(
            "Edges of a batch against the budget",
            "1 is a full batch; above it runs a single crystal that is larger than the budget.",
            "percentunit",
            [
                Query(quantile(share, "ray_epitaxy_prediction_batch_fill_ratio"), f"p{round(share * 100)}")
                for share in (0.5, 0.95)
            ],
            width=6,
        ),
        Panel(
            "Edges through the ensemble",
            "What the hardware does; structures differ a thousandfold in edges.",
            "suffix: edges/s",
            [Query(total(rate("ray_epitaxy_prediction_batch_edges_total")), "edges")],
            width=6,
        ),
        Panel(
            "Queue of the fullest replica",
            "Edges of crystals that wait, or other materials, as a share of the bound at which work is shed with a "
            "hint to retry.",
            "percentunit",
            [
                Query(
                    f"max({last('ray_epitaxy_prediction_queued_edges', window='1m')}"
                    f" / {last('ray_epitaxy_prediction_queue_capacity_edges', window='1m')}"
                    f" or {last('ray_epitaxy_prediction_queued_materials', window='1m')}"
                    f" / {last('ray_epitaxy_prediction_queue_capacity_materials', window='1m')})",
                    "fullest",
                )
            ],
            width=6,
            warn=0.5,
            alarm=0.8,
        ),
        Panel(
            "Batches halved",
            "Batches that failed as a whole, for want of memory most of the time, in ten minutes. Their structures are "
            "answered; a budget that is too large costs time.",
            "short",
            [Query(f"sum({increase('ray_epitaxy_prediction_batch_splits_total', window='10m')})", "halved")],
            width=6,
            warn=1,
            alarm=20,
        ),
    ],
)

_CACHE = Row(
    "Cache",
    [
        Panel(
            "Lookups by tier",
            "local: in the replica; shared: in Redis; miss: the ensemble runs.",
            "suffix: /s",
            [Query(total(rate(_LOOKUPS), "tier"), "{{tier}}")],
            is_stacked=True,
        ),
        Panel(
            "Share found",
            "Of the embeddings looked up. Low is right while new crystals are screened.",
            "percentunit",
            [
                Query(
                    ratio(total(rate(_LOOKUPS, f'tier="{tier}"')), total(rate(_LOOKUPS))),
                    tier,
                )
                for tier in ("local", "shared")
            ],
            highest=1,
        ),
        Panel(
            "Shared cache",
            "Whether Redis answered the replicas when last asked, within ten minutes. Without it answers "
            "are the same and slower.",
            "none",
            [Query(f"min({last('ray_epitaxy_prediction_shared_cache_up', window='10m')})", "Redis")],
            kind="stat",
            warn=1,
            alarm=0.5,
            mappings=((0, "down", RED), (1, "up", GREEN)),
        ),
    ],
)

_KINDS = Row(
    "Kinds of materials",
    [
        Panel(
            "Answered by kind",
            "Crystals (structure), compositions, molecules and polymers, by shared and by tenants' models.",
            "suffix: /s",
            [Query(total(rate(_BY_KIND, 'outcome="answered"'), "kind"), "{{kind}}")],
            width=6,
            is_stacked=True,
        ),
        Panel(
            "Refused by substrate and reason",
            "Salts, radicals and unreadable SMILES are refused under substrate-molecule, amounts that do not add up "
            "under substrate-composition; NO_SUBSTRATE_FOR_KIND: sent to a model of another kind.",
            "suffix: /s",
            [Query(total(rate(_BY_SUBSTRATE, 'outcome="refused"'), "substrate", "reason"), "{{substrate}} {{reason}}")],
            width=6,
        ),
        Panel(
            "Stages by substrate",
            "95th percentile of one block in each stage. A material without crystal is read (parse), becomes a graph, "
            "and runs through the small network of its kind (embed).",
            "s",
            [Query(quantile(0.95, _STAGES, by=("substrate", "stage")), "{{substrate}} {{stage}}")],
            width=6,
        ),
        Panel(
            "Share found in caches by substrate",
            "Of the embeddings looked up, in the replica or in the shared cache.",
            "percentunit",
            [
                Query(
                    ratio(
                        total(rate(_LOOKUPS, 'tier!="miss"'), "substrate"),
                        total(rate(_LOOKUPS), "substrate"),
                    ),
                    "{{substrate}}",
                )
            ],
            width=6,
            highest=1,
        ),
    ],
)

_SEARCHES = Row(
    "Searches",
    [
        Panel(
            "Searches by outcome",
            "Finished; cancelled by their callers; failed, by a mistake of the caller's or a fault of ours.",
            "suffix: /s",
            [Query(total(rate("epitaxy_gateway_searches_total"), "outcome"), "{{outcome}}")],
            width=6,
        ),
        Panel(
            "Candidates scored and dropped",
            "Students score every candidate; what is dropped never reaches the ensemble. Dropped ones are counted at "
            "the end of a search.",
            "suffix: /s",
            [
                Query(total(rate("epitaxy_gateway_search_candidates_total")), "scored"),
                Query(total(rate("epitaxy_gateway_search_dropped_total")), "dropped"),
            ],
            width=6,
        ),
        Panel(
            "Share of a pool that is evaluated",
            "Of finished searches in an hour. Near 1: small pools, or students that do not know what is asked for.",
            "percentunit",
            [
                Query(
                    f"histogram_quantile({share}, "
                    f"{total(increase('epitaxy_gateway_search_evaluated_ratio_bucket', window='1h'), 'le')})",
                    f"p{round(share * 100)}",
                )
                for share in (0.5, 0.95)
            ],
            width=6,
            highest=1,
        ),
        Panel(
            "Estimated recall",
            "Of finished searches that dropped candidates, in an hour: the mean of their estimates, and the share of "
            "searches whose estimate is below what was promised.",
            "percentunit",
            [
                Query(f"{_in_an_hour('epitaxy_gateway_search_recall_estimates_total')} / {_AUDITED}", "mean recall"),
                Query(
                    f"{_in_an_hour('epitaxy_gateway_search_audited_total', _BELOW)} / {_AUDITED}", "below the promise"
                ),
            ],
            width=6,
            highest=1,
        ),
    ],
)

_ERRORS = Row(
    "Errors",
    [
        Panel(
            "Refused by reason",
            "The structures' own faults: their callers read the same reasons.",
            "suffix: /s",
            [Query(total(rate(_STRUCTURES, 'outcome="refused"'), "reason"), "{{reason}}")],
            width=6,
        ),
        Panel(
            "Failed by reason",
            "Our faults: the structures may be sent again.",
            "suffix: /s",
            [Query(total(rate(_STRUCTURES, _FAILED), "reason"), "{{reason}}")],
            width=6,
        ),
        Panel(
            "Messages sent upstream again",
            "By cause. Overload is waited out; a lost replica costs one more attempt.",
            "suffix: /s",
            [Query(total(rate("epitaxy_gateway_chunk_retries_total"), "cause"), "{{cause}}")],
            width=6,
        ),
        Panel(
            "Calls that did not end well",
            "By method and gRPC code.",
            "suffix: /s",
            [
                Query(
                    total(rate("epitaxy_gateway_requests_total", 'code!="OK"'), "method", "code"), "{{method}} {{code}}"
                )
            ],
            width=6,
        ),
    ],
)

SCREENING = Dashboard(
    "epitaxy-screening",
    "Epitaxy / Screening",
    "Throughput, searches, latency, batches, cache and errors of predictions.",
    [_NOW, _TRAFFIC, _KINDS, _SEARCHES, _LATENCY, _BATCHES, _CACHE, _ERRORS],
    [NAMESPACES, TENANTS, MODELS],
)
