"""Processes, replicas, nodes."""

from tools.dashboards.grafana import GREEN, RED, YELLOW, Dashboard, Panel, Query, Row
from tools.dashboards.metrics import BY_TENANT_AND_MODEL, last, quantile, rate, select, total
from tools.dashboards.variables import MODELS, NAMESPACES, TENANTS

_JOBS = 'job=~"epitaxy-.+"'
_SERVICES = 'job=~"epitaxy-(gateway|finetune|campaigns)"'
_STAGES = "ray_epitaxy_prediction_stage_seconds"
_STRUCTURES = "epitaxy_gateway_model_structures_total"
_STARTS = select("ray_serve_deployment_replica_starts_total")
# ray.serve.schema.ApplicationStatus.to_numeric, Ray 2.60.
_APPLICATION = (
    (0, "unknown", YELLOW),
    (1, "deploy failed", RED),
    (2, "unhealthy", RED),
    (3, "not started", YELLOW),
    (4, "deleting", YELLOW),
    (5, "deploying", YELLOW),
    (6, "running", GREEN),
)

_NOW = Row(
    "Now",
    [
        Panel(
            "Targets that answer Prometheus",
            "Share of each job's processes.",
            "percentunit",
            [Query(f"avg by (job) ({select('up', _JOBS)})", "{{job}}")],
            kind="stat",
            width=6,
            height=5,
            warn=1,
            alarm=0.5,
            highest=1,
        ),
        Panel(
            "Application",
            "Status of the Serve application.",
            "none",
            [Query(f"min by (application) ({select('ray_serve_application_status')})", "{{application}}")],
            kind="stat",
            width=6,
            height=5,
            warn=6,
            alarm=3,
            mappings=_APPLICATION,
        ),
        Panel(
            "Shared cache",
            "Whether Redis answered the replicas when last asked, within ten minutes.",
            "none",
            [Query(f"min({last('ray_epitaxy_prediction_shared_cache_up', window='10m')})", "Redis")],
            kind="stat",
            width=6,
            height=5,
            warn=1,
            alarm=0.5,
            mappings=((0, "down", RED), (1, "up", GREEN)),
        ),
        Panel(
            "Certificate expires in",
            "Of the certificate that the gateways serve: what they read at their start, whatever the Secret holds now.",
            "s",
            [Query(f"min({select('epitaxy_gateway_certificate_expiry_timestamp_seconds')}) - time()", "expires in")],
            kind="stat",
            width=6,
            height=5,
            warn=14 * 86400,
            alarm=3 * 86400,
            lowest=None,
        ),
    ],
)

_REPLICAS = Row(
    "Replicas and autoscaling",
    [
        Panel(
            "Replicas, healthy and wanted",
            "By deployment. A gap that lasts: no node has room, or a replica does not start.",
            "short",
            [
                Query(
                    total(select("ray_serve_deployment_replica_healthy"), "deployment"),
                    "{{deployment}} healthy",
                ),
                Query(
                    f"max by (deployment) ({select('ray_serve_autoscaling_target_replicas')})", "{{deployment}} wanted"
                ),
            ],
        ),
        Panel(
            "Replicas seen in an hour",
            "Different replicas by deployment; far above those that run: they restart.",
            "short",
            [
                Query(
                    f"count by (deployment) (count by (deployment, replica) (last_over_time({_STARTS}[1h])))",
                    "{{deployment}}",
                )
            ],
        ),
        Panel(
            "Use of the replicas",
            "Time in requests over time there is, by deployment.",
            "percent",
            [
                Query(
                    f"avg by (deployment) ({select('ray_serve_replica_utilization_percent')})",
                    "{{deployment}}",
                )
            ],
            warn=80,
            alarm=95,
        ),
        Panel(
            "Requests under way",
            "By deployment, at the replicas and in the queues in front of them: what autoscaling goes by.",
            "short",
            [
                Query(
                    total(select("ray_serve_num_ongoing_requests_at_replicas"), "deployment"), "{{deployment}} running"
                ),
                Query(total(select("ray_serve_deployment_queued_queries"), "deployment"), "{{deployment}} queued"),
            ],
        ),
        Panel(
            "Nodes of Ray",
            "Nodes that report, and tasks and actors for which none has room: the autoscaler starts nodes for these.",
            "short",
            [
                Query(f"count({select('ray_node_cpu_count')})", "nodes"),
                Query(f"sum({select('ray_scheduler_unscheduleable_tasks')})", "without room"),
            ],
        ),
        Panel(
            "Actors of Ray",
            "By state. DEPENDENCIES_UNREADY or PENDING_CREATION that stay: no node has the resources.",
            "short",
            [Query(total(select("ray_actors"), "State"), "{{State}}")],
            is_stacked=True,
        ),
    ],
)

_LOAD = Row(
    "What the replicas carry",
    [
        Panel(
            "Structures by tenant",
            "Of the chosen tenants and models: whose work replicas are added for.",
            "suffix: /s",
            [Query(total(rate(_STRUCTURES, BY_TENANT_AND_MODEL), "tenant"), "{{tenant}}")],
            width=12,
            is_stacked=True,
        ),
        Panel(
            "Structures by model",
            "Of the chosen tenants and models. Tenants' models on the frozen substrate share its pass.",
            "suffix: /s",
            [Query(total(rate(_STRUCTURES, BY_TENANT_AND_MODEL), "model"), "{{model}}")],
            width=12,
            is_stacked=True,
        ),
    ],
)

_SERVICE_PROCESSES = Row(
    "Gateway, fine-tune service and campaign service",
    [
        Panel(
            "Restarts in an hour",
            "Changes of a process's start under one name; a new pod has a new name.",
            "short",
            [Query(total(f"changes({select('process_start_time_seconds', _SERVICES)}[1h])", "job"), "{{job}}")],
            warn=1,
            alarm=3,
        ),
        Panel(
            "Memory",
            "Resident, by process.",
            "bytes",
            [Query(select("process_resident_memory_bytes", _SERVICES), "{{job}} {{instance}}")],
        ),
        Panel(
            "CPU",
            "Cores, by process.",
            "none",
            [Query(rate("process_cpu_seconds_total", _SERVICES), "{{job}} {{instance}}")],
        ),
    ],
)

_NODES = Row(
    "Nodes of Ray and Redis",
    [
        Panel(
            "CPU",
            "By node.",
            "percent",
            [Query(f"avg by (ip) ({select('ray_node_cpu_utilization')})", "{{ip}}")],
            width=6,
            warn=85,
            alarm=98,
            highest=100,
        ),
        Panel(
            "Memory",
            "By node. Ray kills workers above 95 %.",
            "percentunit",
            [Query(f"{select('ray_node_mem_used')} / {select('ray_node_mem_total')}", "{{ip}}")],
            width=6,
            warn=0.85,
            alarm=0.92,
            highest=1,
        ),
        Panel(
            "Object store",
            "Shared memory in use, by node. Blocks of graphs pass through it.",
            "bytes",
            [Query(total(select("ray_object_store_used_memory"), "NodeAddress"), "{{NodeAddress}}")],
            width=6,
        ),
        Panel(
            "Time in the cache",
            "95th percentile of a block's reads and writes, both tiers.",
            "s",
            [Query(quantile(0.95, _STAGES, 'stage=~"cache_.+"', by=("stage",)), "{{stage}}")],
            width=6,
            warn=0.1,
            alarm=0.25,
        ),
    ],
)

OPERATIONS = Dashboard(
    "epitaxy-operations",
    "Epitaxy / Operations",
    "Targets, replicas, restarts, autoscaling, Redis and the nodes of Ray.",
    [_NOW, _REPLICAS, _LOAD, _SERVICE_PROCESSES, _NODES],
    [NAMESPACES, TENANTS, MODELS],
)
