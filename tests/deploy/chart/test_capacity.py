"""Room: nodes can be drained, and the smallest profile fits a small one."""

import copy

import pytest
from cases import on_every_case
from rendering import CHART, of_kind, pod_specs, profile, render
from test_kuberay import quantity


def budget_faults(manifests) -> list[str]:
    """Budgets over Ray's pods that stop every drain, or allow anything."""
    faults = []
    for budget in of_kind(manifests, "PodDisruptionBudget"):
        wanted = budget["spec"]["selector"]["matchLabels"]
        if wanted["app.kubernetes.io/component"] not in {"prediction", "training"}:
            continue  # a Deployment has a scale subresource: there the controller can count
        [service] = of_kind(manifests, "RayService")
        at_rest = sum(group["minReplicas"] for group in service["spec"]["rayClusterConfig"]["workerGroupSpecs"])
        least = budget["spec"].get("minAvailable")
        if not isinstance(least, int) or "maxUnavailable" in budget["spec"]:
            faults.append("not a number of pods that must be there")
        elif not 0 < least < at_rest:
            faults.append(f"{least} of {at_rest} workers")
        if wanted.get("ray.io/node-type") != "worker":
            faults.append("counts heads")
    return faults


@on_every_case
def test_a_node_can_be_drained_whatever_the_values(manifests) -> None:
    assert budget_faults(manifests) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"maxUnavailable": 1, "minAvailable": None}, "not a number"),
        ({"minAvailable": "50%"}, "not a number"),
        ({"minAvailable": 2}, "2 of 2 workers"),
        ({"selector": {"matchLabels": {"app.kubernetes.io/component": "prediction"}}}, "counts heads"),
    ],
)
def test_the_check_of_budgets_can_fail(change, fault) -> None:
    manifests = copy.deepcopy(render(profile("production")))
    [budget] = [m for m in of_kind(manifests, "PodDisruptionBudget") if m["metadata"]["name"].endswith("prediction")]
    budget["spec"].update(change)
    assert any(fault in found for found in budget_faults(manifests))


@pytest.mark.parametrize(("workers", "least"), [(1, None), (2, 1), (5, 4)])
def test_all_workers_but_one_stay_and_a_single_one_may_go(workers, least) -> None:
    budgets = of_kind(
        render({"prediction": {"cpuWorkers": {"minReplicas": workers, "maxReplicas": 9}}}), "PodDisruptionBudget"
    )
    of_prediction = [b["spec"]["minAvailable"] for b in budgets if b["metadata"]["name"] == "epitaxy-prediction"]
    assert of_prediction == ([] if least is None else [least])


def asked(manifests, what: str) -> tuple[float, float]:
    """Cores or memory that pods ask for at rest, and those of one job's worker."""
    at_rest = worker = 0.0
    heads = 0
    for name, _, spec in pod_specs(manifests):
        if name.startswith(("Job/", "CronJob/", "Pod/")):
            continue
        own = sum(quantity(container["resources"]["requests"][what]) for container in spec["containers"])
        if name.startswith("RayCluster/") and not name.endswith("/head"):
            worker += own
        else:
            heads += name.endswith("/head")
            at_rest += own
    [service] = of_kind(manifests, "RayService")
    autoscaler = service["spec"]["rayClusterConfig"]["autoscalerOptions"]["resources"]["requests"][what]
    return at_rest + heads * quantity(autoscaler), worker


def test_the_smallest_profile_fits_a_node_of_four_cores_with_a_job_running() -> None:
    told = (CHART / "values-minimal.yaml").read_text()
    cores, worker = asked(render(profile("minimal")), "cpu")
    assert f"{cores:.1f} cores" in told
    assert f"for {cores + worker:.1f}:" in told
    assert cores + worker <= 3.5, "half a core is the cluster's own"
    memory, of_worker = asked(render(profile("minimal")), "memory")
    assert memory + of_worker <= 15 * 2**30
