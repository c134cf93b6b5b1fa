"""What a client can do about models of the tenant's own."""

from collections.abc import Iterator, Sequence
from typing import Any

from epitaxy.client.finetune.calls import FineTuneCalls
from epitaxy.client.finetune.columns import FineTuneRequest, LabelColumn, columns_of
from epitaxy.client.finetune.job import FineTuneJob, FineTuneJobs, FineTuneModels
from epitaxy.client.finetune.labels import labels_of
from epitaxy.client.finetune.results import DeletedData, JobStatus, ModelChange
from epitaxy.client.review import AuditEntry, ReviewPolicy


class FineTuneMethods:
    """The part of ``Client`` that grows models from labels."""

    def __init__(self, calls: FineTuneCalls) -> None:
        self._jobs, self._grown = FineTuneJobs(calls), FineTuneModels(calls)

    def finetune(
        self,
        data: Any,
        *,
        column: str,
        unit: str,
        name: str,
        property_name: str = "",
        structure_column: str = "structure",
        id_column: str | None = None,
        transform: str = "auto",
        fidelity: str = "",
        cost: float = 0.0,
        low_fidelity: Sequence[LabelColumn | str] = (),
        base_model: str = "",
        strategies: Sequence[str] = (),
        max_seconds: float | None = None,
        use_gpu: bool = False,
        seed: int = 0,
        peers: Sequence[str] = (),
        skip_refused: bool = False,
        request_id: str = "",
    ) -> FineTuneJob:
        """Starts to grow a model from labels; the job goes on by itself, ``wait()`` for its end.

        Args:
            data: A data frame; rows as dicts; a dict of columns; a path of Parquet, CSV, JSON Lines, or of a folder
                with a table and CIF files; or a ``file://`` or ``s3://`` address that the server reads.
            column: The column to learn.
            unit: Of all label columns.
            name: Of the model: lower-case letters, digits, ``.``, ``_`` and ``-``.
            property_name: Snake case; from the column's name where left out.
            structure_column: See ``finetune_labels.read_labels``; so ``id_column``.
            id_column: Column of the rows' names.
            transform: ``"none"``, ``"log10"``, ``"log1p"`` or ``"auto"``.
            fidelity: Of the column to learn: ``"EXPERIMENT"``, ``"HSE06"``; so ``cost``.
            cost: Of one label.
            low_fidelity: Columns of known values that serve as inputs, ``"gap_pbe:PBE"`` or a ``LabelColumn``.
            base_model: The substrate; the server's own where left out.
            strategies: To compare; all that are worthwhile where left out.
            max_seconds: Of work; the server's default where left out.
            use_gpu: Wait for a GPU.
            seed: The same labels and seed give the same model.
            peers: Other pretrained networks whose features are read besides, ``"chgnet"``, where the server has them.
            skip_refused: Leave out rows whose structure cannot be read, instead of failing.
            request_id: Makes the call safe to repeat in another process: an equal one gets the same job.

        Raises:
            InvalidRequestError: names the row or the option, and what to do.
            QuotaExceededError: too many jobs, labels or models.
        """
        target = LabelColumn(column, fidelity, cost)
        asked = FineTuneRequest(
            name, target, unit, property_name, columns_of(low_fidelity), transform, base_model, tuple(strategies),
            max_seconds, use_gpu, seed, tuple(peers),
        )  # fmt: skip
        labels = labels_of(data, asked.columns, structure_column, id_column, skip_refused=skip_refused)
        return self._jobs.create(asked, labels, request_id)

    def finetune_job(self, job_or_model: str) -> FineTuneJob:
        """A job by its id, or the latest one of a model by its name. Raises NotFoundError."""
        return self._jobs.get(job_or_model)

    def finetune_jobs(self, model: str = "") -> Iterator[JobStatus]:
        """Jobs, the latest first; of one model where a name is given."""
        return self._jobs.recent(model)

    def promote_model(self, name: str, version: str = "", override_reason: str = "") -> ModelChange:
        """Makes a version (empty: the candidate) the champion. Raises NotFoundError, InvalidRequestError."""
        return self._grown.promote(name, version, override_reason)

    def rollback_model(self, name: str, reason: str = "") -> ModelChange:
        """Makes the champion before the present one the champion again. Raises NotFoundError, InvalidRequestError."""
        return self._grown.roll_back(name, reason)

    def set_review_policy(self, name: str, policy: ReviewPolicy, reason: str = "") -> ReviewPolicy:
        """Makes a policy judge all answers of a model of the tenant's own, within seconds and without a restart.

        Raises NotFoundError, InvalidRequestError.
        """
        return self._grown.set_policy(name, policy, reason)

    def audit_log(self, model: str = "") -> Iterator[AuditEntry]:
        """Promotions, overrides, rollbacks, policy changes and deletions, the latest first."""
        return self._grown.audit(model)

    def delete_tenant_data(self, *, confirm: bool) -> DeletedData:
        """Removes all jobs, labels, reports, models and measurements of the tenant; nothing brings them back.

        Raises InvalidRequestError unless ``confirm`` is true.
        """
        return self._grown.delete_everything(confirm=confirm)
