# Generated from async_pools.py by tools/generate_client.py: do not edit, run `make generate`.
"""Pools of campaigns: the part of the client that makes campaigns and changes what may be chosen."""

from collections.abc import Sequence
from typing import Any

from epitaxy.api.campaigns.v1 import campaigns_pb2
from epitaxy.client.campaigns import reading
from epitaxy.client.campaigns.goals import Limit, Objective, limits_of, objectives_of
from epitaxy.client.campaigns.pool import CandidateMessage, PoolColumns, is_uri
from epitaxy.client.campaigns.results import Campaign, Exclusion, PoolReport
from epitaxy.client.campaigns.sending import PoolCallback, PoolSender
from epitaxy.client.campaigns.spec import CampaignPlan
from epitaxy.client.campaigns.standing import CampaignStanding
from epitaxy.client.connection import new_request_id
from epitaxy.client.defaults import STRUCTURE_COLUMN
from epitaxy.client.finetune.columns import LabelCondition, conditions_of
from epitaxy.client.inputs.material_columns import MaterialColumn
from epitaxy.client.transport import run_blocking


class CampaignPools(CampaignStanding):
    """Makes campaigns, and changes their pools."""

    def create(
        self,
        name: str,
        pool: Any,
        objectives: Sequence[Objective | str] | str,
        units: Sequence[str] | str = (),
        *,
        where: Sequence[Limit | str] | str = (),
        batch: int = 5,
        budget: float | None = None,
        seed: int = 0,
        start: str = "auto",
        acquisition: str = "auto",
        base_model: str = "",
        structure_column: str | MaterialColumn = STRUCTURE_COLUMN,
        id_column: str | None = None,
        cost_column: str = "",
        group_column: str = "",
        known_columns: Sequence[str] = (),
        conditions: Sequence[LabelCondition | str] = (),
        budget_is_cost: bool = False,
        allowed_elements: Sequence[str] = (),
        excluded_elements: Sequence[str] = (),
        domain: Sequence[str] = (),
        review: Sequence[str] = (),
        lease_seconds: float | None = None,
        margin: float | None = None,
        request_id: str = "",
        on_progress: PoolCallback | None = None,
    ) -> tuple[Campaign, PoolReport]:
        """Creates a campaign and sends its pool, which is read as it is sent. ``wait_until_ready`` waits for the rest.

        Args:
            name: Lower-case letters, digits, ``.``, ``_`` and ``-``, at most 63; unique in the tenant.
            pool: Candidates: whatever ``screen`` takes, or a ``file://`` or ``s3://`` address that the server reads.
            objectives: One to three: ``"band_gap:max"``, ``"band_gap:match:1.4"``, ``"bulk_modulus:band:50:80"``.
            units: Unit of each objective that is given as text, in their order.
            where: Limits on measured, known or predicted properties: ``"energy_above_hull<0.1"``.
            batch: Candidates of a batch, unless a call asks for another number.
            budget: Most candidates in all, or the most they may cost.
            seed: Seed of every random choice: the same pool, results and seed give the same batches.
            start: How to begin: ``"auto"``, ``"head"``, ``"diverse"`` or ``"random"``.
            acquisition: How to go on: ``"auto"`` for what was measured to be the best, ``"expected_improvement"``,
                ``"upper_confidence_bound"``, ``"thompson"``, ``"largest_uncertainty"``, ``"greedy"`` or ``"random"``.
            base_model: The substrate (default: the one that the server ships).
            structure_column: Column of the structures in tables, or where molecules, polymers or compositions are:
                ``smiles_column("smiles")``. A pool holds materials of one kind.
            id_column: Column of the ids in tables (default: ``id``, ``material_id`` and the like).
            cost_column: Column of what measuring a candidate costs; costs then weigh the choice.
            group_column: Column of the groups that candidates are reported in.
            known_columns: Columns of values that are known already. Those that ``where`` names are read anyway.
            conditions: Columns of conditions under which candidates are to be measured: ``"temperature:degC"``. One
                material under two conditions is two candidates, and a ticket says at which to measure.
            budget_is_cost: True if the budget is in the unit of the costs.
            allowed_elements: Elements that may occur (default: all).
            excluded_elements: Elements that may not.
            domain: Domain verdicts that may be chosen: ``"IN_DOMAIN"``, ``"BORDERLINE"``, ``"OUT_OF_DOMAIN"``.
            review: Review verdicts that may be chosen: ``"ACCEPT"``, ``"REVIEW"``, ``"REJECT"``.
            lease_seconds: How long a ticket is good (default: the server's, two weeks).
            margin: The smallest improvement that matters, in the first objective's unit.
            request_id: Makes the call safe to repeat: a call that was cut short goes on where it stood.
            on_progress: Called after every message with the number of candidates that were sent.

        Returns:
            The campaign, and what became of candidates that were not taken.

        Raises:
            InvalidRequestError: A campaign of the name exists, an option is wrong, or the pool holds no candidate.
        """
        goals, limits = objectives_of(objectives, units), limits_of(where)
        plan = CampaignPlan(
            name=name,
            objectives=goals,
            limits=limits,
            batch=batch,
            budget=budget,
            is_budget_cost=budget_is_cost,
            seed=seed,
            start=start,
            acquisition=acquisition,
            base_model=base_model,
            lease_seconds=lease_seconds,
            is_cost_aware=bool(cost_column),
            margin=margin,
            allowed_elements=allowed_elements,
            excluded_elements=excluded_elements,
            domain=domain,
            review=review,
        )
        known = tuple(dict.fromkeys([*known_columns, *(limit.property for limit in limits)]))
        under = conditions_of(conditions)
        columns = PoolColumns(structure_column, id_column, cost_column, group_column, known, under)
        request_id = request_id or new_request_id()
        request = campaigns_pb2.CreateCampaignRequest(request_id=request_id, spec=plan.to_proto())
        if is_uri(pool):
            request.file.CopyFrom(columns.to_file(pool))
            made = self._calls.repeat(self._stub.CreateCampaign, request)
            return reading.read_campaign(made.campaign), PoolReport(0)
        sender = PoolSender(name, columns, request_id, on_progress)
        first = run_blocking(sender.open, pool)
        made = self._calls.repeat(self._stub.CreateCampaign, request)
        report = self._send(sender, first)
        campaign = self.get(name) if report.n_sent else reading.read_campaign(made.campaign)
        return campaign, report

    def add(
        self,
        name: str,
        pool: Any,
        *,
        structure_column: str | MaterialColumn = STRUCTURE_COLUMN,
        id_column: str | None = None,
        cost_column: str = "",
        group_column: str = "",
        known_columns: Sequence[str] = (),
        conditions: Sequence[LabelCondition | str] = (),
        request_id: str = "",
        on_progress: PoolCallback | None = None,
    ) -> PoolReport:
        """Adds candidates to a campaign's pool. Arguments are those of ``create``.

        Raises:
            NotFoundError: There is no such campaign.
            InvalidRequestError: The campaign is closed, or the pool holds no candidate.
        """
        known, under = tuple(known_columns), conditions_of(conditions)
        columns = PoolColumns(structure_column, id_column, cost_column, group_column, known, under)
        sender = PoolSender(name, columns, request_id or new_request_id(), on_progress)
        first = run_blocking(sender.open, pool)
        return self._send(sender, first)

    def exclude(
        self, name: str, ids: Sequence[str], *, reason: str = "", undo: bool = False, request_id: str = ""
    ) -> Exclusion:
        """Takes candidates out of the choice, or puts them back. What was measured stays.

        Args:
            name: Name of the campaign.
            ids: Ids of candidates.
            reason: Why, for the record.
            undo: True to let them be chosen again.
            request_id: Makes the call safe to repeat.
        """
        request = campaigns_pb2.ExcludeCandidatesRequest(
            name=name, request_id=request_id or new_request_id(), ids=ids, reason=reason, is_undone=undo
        )
        response = self._calls.repeat(self._stub.ExcludeCandidates, request)
        return Exclusion(tuple(response.unknown_ids), reading.read_campaign(response.campaign))

    def _send(self, sender: "PoolSender", message: CandidateMessage | None) -> PoolReport:
        while message is not None:
            request = sender.request(message)
            response = self._calls.repeat(self._stub.AddCandidates, request)
            sender.note(message, response)
            message = run_blocking(sender.draw)
        return sender.report()
