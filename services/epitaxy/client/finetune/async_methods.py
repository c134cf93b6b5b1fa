"""What a client can do to grow models of the tenant's own."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from epitaxy.client.async_transport import run_blocking
from epitaxy.client.defaults import STRUCTURE_COLUMN
from epitaxy.client.finetune.async_job import AsyncFineTuneJob
from epitaxy.client.finetune.async_jobs import AsyncFineTuneJobs
from epitaxy.client.finetune.columns import FineTuneRequest, LabelColumn, LabelCondition, columns_of, conditions_of
from epitaxy.client.finetune.labels import Labels, labels_of
from epitaxy.client.finetune.render import JobStatus
from epitaxy.client.finetune.results import DeletedData
from epitaxy.client.inputs.material_columns import MaterialColumn


class AsyncFineTuneMethods:
    """The part of the client that grows models from labels."""

    _jobs: AsyncFineTuneJobs

    async def finetune(
        self,
        data: Any,
        *,
        column: str,
        name: str,
        unit: str = "",
        task: str = "auto",
        property_name: str = "",
        structure_column: str | MaterialColumn = STRUCTURE_COLUMN,
        id_column: str | None = None,
        transform: str = "auto",
        fidelity: str = "",
        cost: float = 0.0,
        low_fidelity: Sequence[LabelColumn | str] = (),
        conditions: Sequence[LabelCondition | str] = (),
        laws: Sequence[str] = (),
        censored: str = "",
        base_model: str = "",
        strategies: Sequence[str] = (),
        max_seconds: float | None = None,
        use_gpu: bool = False,
        seed: int = 0,
        peers: Sequence[str] = (),
        skip_refused: bool = False,
        accept_suspicious: bool = False,
        request_id: str = "",
    ) -> AsyncFineTuneJob:
        """Starts a job that grows a model from labels. The job goes on by itself; ``wait()`` for its end.

        Args:
            data: The labels: a data frame; rows as dicts; a dict of columns; the path of a Parquet, CSV or JSON Lines
                file, or of a folder with a table and CIF files; or a ``file://`` or ``s3://`` address that the server
                reads.
            column: The column to learn.
            name: Name of the model: lower-case letters, digits, ``.``, ``_`` and ``-``.
            unit: Unit of all label columns, ``"1"`` for none; left out for classification.
            task: ``"classification"`` for labels that are 0 or 1: the model answers with the probability of a 1;
                ``"regression"`` for numbers; ``"auto"``: classification if the cells are true and false, or yes and
                no.
            property_name: Name of the property, in snake case (default: the column's name without its unit).
            structure_column: Column of the structures. A cell holds JSON of ``{"lattice", "species", "frac"}``,
                pymatgen's JSON, the text of a CIF, the name of a file beside the table, or an object of pymatgen or
                ase. For materials without a crystal ``smiles_column``, ``polymer_column``, ``composition_column`` or
                ``element_columns``.
            id_column: Column of the rows' names (default: ``id``, ``material_id`` and the like, or the row's number).
            transform: Scale on which the labels are learned: ``"none"``, ``"log10"``, ``"log1p"`` or ``"auto"``.
            fidelity: Level of theory or kind of measurement of the column to learn: ``"EXPERIMENT"``, ``"HSE06"``.
            cost: Cost of one label of that column, in any unit that is the same for all columns; 0: not known.
            low_fidelity: Columns of cheaper values, empty where unknown: ``"gap_pbe:PBE"`` or a ``LabelColumn``.
            conditions: Columns of conditions under which the labels were measured: ``"temperature_k:K"``, ``"route"``
                or a ``LabelCondition``. A column with text is a category; an empty cell is an unknown condition. A
                crystal under two conditions has two labels.
            laws: Laws that the property keeps: ``"arrhenius:temperature_k"``, ``"softening:t"``,
                ``"monotone:pressure:rising"``, ``"bounded:0:1"``, ``"ordered:k_voigt:under"``. A process of the first
                law's parameters competes; answers stay within bounds and in order (default: the law that the property
                is known to keep in one of the conditions).
            censored: Column that tells which labels are bounds: true for an upper bound, or ``"<"`` and ``">"``. A cell
                such as ``"< 1e-8"`` is a bound without it.
            base_model: The substrate (default: the one that the server ships).
            strategies: Strategies to compare (default: all that the server finds worthwhile).
            max_seconds: Longest time for the work, not counting the wait for a worker (default: the server's).
            use_gpu: True to wait for a GPU.
            seed: Seed of every random choice: the same labels and seed give the same model.
            peers: Other pretrained networks whose features are read too, such as ``"chgnet"``, if the server has them.
            skip_refused: True to leave out rows whose structure cannot be read, instead of failing.
            accept_suspicious: True to go on in spite of gross errors, without wild labels and with the unit as stated;
                by default the job ends with ``SUSPICIOUS_LABELS`` and names them.
            request_id: Id that makes the call safe to repeat from another process: a call with an equal id gets the
                job that the first one made (default: a random one).

        Raises:
            InvalidRequestError: A row or an option is wrong; names it, and says what to do.
            QuotaExceededError: There are too many jobs, labels or models.
        """
        target = LabelColumn(column, fidelity, cost)
        asked = FineTuneRequest(
            name, target, unit, property_name, columns_of(low_fidelity), transform, base_model, tuple(strategies),
            max_seconds, use_gpu, seed, tuple(peers), accept_suspicious, conditions_of(conditions), tuple(laws),
            task,
        )  # fmt: skip
        labels = await run_blocking(
            labels_of, data, asked.columns, structure_column, id_column, asked.conditions, skip_refused=skip_refused,
            censored=censored, task=task,
        )  # fmt: skip
        if isinstance(labels, Labels):
            asked = asked.resolved(labels.task)
        return await self._jobs.create(asked, labels, request_id)

    async def refit_model(
        self,
        model: str,
        *,
        data: Any = None,
        structure_column: str | MaterialColumn = STRUCTURE_COLUMN,
        id_column: str | None = None,
        max_seconds: float | None = None,
        use_gpu: bool = False,
        skip_refused: bool = False,
        request_id: str = "",
    ) -> AsyncFineTuneJob:
        """Starts a job that fits a model's labels again, on the shared model as it is now, and compares both.

        The columns, unit, seed and other options are those of the job that made the version. The job makes a new
        version, whose ``result.succession`` says on the same splits whether it is better than the one before; nothing
        serves it before it is promoted.

        Args:
            model: ``NAME`` (its champion, or the latest version if it has none) or ``NAME:VERSION``.
            data: The labels, as in ``finetune`` (default: those that the server keeps of that version).
            structure_column: Column of the structures in ``data``.
            id_column: Column of the rows' names in ``data``.
            max_seconds: Longest time for the work (default: as the job that made the version).
            use_gpu: True to wait for a GPU.
            skip_refused: True to leave out rows of ``data`` whose structure cannot be read, instead of failing.
            request_id: Id that makes the call safe to repeat from another process (default: a random one).

        Raises:
            InvalidRequestError: The text names a model by an alias, or the data are wrong.
            NotFoundError: There is no such version, or the server no longer keeps its labels: give ``data``.
            QuotaExceededError: There are too many jobs, labels or models.
        """
        labels = None
        if data is not None:
            columns = await self._jobs.columns_of(model)
            labels = await run_blocking(
                labels_of, data, columns, structure_column, id_column, skip_refused=skip_refused
            )
        return await self._jobs.refit(model, labels, max_seconds=max_seconds, use_gpu=use_gpu, request_id=request_id)

    async def finetune_job(self, job_or_model: str, *, with_model: bool = False) -> AsyncFineTuneJob:
        """Returns a job by its id, the job that made ``NAME:VERSION``, or the latest job of a model by its name.

        Args:
            job_or_model: Id of a job, ``NAME`` or ``NAME:VERSION``, with or without ``TENANT/`` before it.
            with_model: True to pass over jobs of a model that have not made one: a job that still runs, or failed,
                does not hide the one before.

        Raises:
            InvalidRequestError: The text names a model by an alias.
            NotFoundError: There is no such job.
        """
        return await self._jobs.get(job_or_model, with_model=with_model)

    def finetune_jobs(self, model: str = "") -> AsyncIterator[JobStatus]:
        """Yields jobs, the latest first.

        Args:
            model: Name of a model (default: all models).

        Raises:
            EpitaxyClientError: The call failed.
        """
        return self._jobs.recent(model)

    async def delete_tenant_data(self, *, confirm: bool) -> DeletedData:
        """Removes all jobs, labels, reports, models, measurements and campaigns of the tenant, for good.

        Args:
            confirm: Must be True.

        Raises:
            InvalidRequestError: ``confirm`` is not True.
        """
        return await self._jobs.delete_everything(confirm=confirm)
