"""One line for a person on each entry of a log."""

from collections import Counter

from epitaxy.campaigns.domain import events as happenings
from epitaxy.campaigns.domain.events import Happening, Outcome


def line_of(happening: Happening) -> str:  # noqa: C901, PLR0911, PLR0912  # one case a kind, each a line
    """What happened."""
    match happening:
        case happenings.Created() as created:
            return f"campaign {created.spec.name} was created"
        case happenings.CandidatesAdded() as added:
            refused = f", {len(added.refused)} refused" if added.refused else ""
            return f"{added.n_rows} candidates added{refused}{'; the pool is complete' if added.is_last else ''}"
        case happenings.FileRead() as read:
            return f"the pool's file was read: {read.n_rows} rows"
        case happenings.PoolReady() as ready:
            return (
                f"the pool is ready: {ready.n_ready} candidates, {ready.n_refused} refused, {ready.n_copies} copies; "
                f"rules allow {ready.counts.n_allowed}; features of {ready.substrate}"
            )
        case happenings.PoolFailed() as failed:
            return f"the pool cannot be used: {failed.message}"
        case happenings.Excluded() as excluded:
            verb = "put back" if excluded.is_undone else "excluded"
            return f"{len(excluded.rows)} candidates {verb}{f': {excluded.reason}' if excluded.reason else ''}"
        case happenings.Recommended() as batch:
            to = f" to {batch.worker}" if batch.worker else ""
            return f"batch {batch.number}: {len(batch.tickets)} candidates recommended{to}"
        case happenings.Reported() as reported:
            counts = Counter(told.outcome for told in reported.told)
            return (
                ", ".join(f"{counts[outcome]} {outcome.lower()}" for outcome in Outcome if counts[outcome]) or "nothing"
            )
        case happenings.Corrected() as corrected:
            kept = sum(told.outcome is not Outcome.REFUSED for told in corrected.told)
            return f"{kept} results corrected, {len(corrected.told) - kept} corrections refused"
        case happenings.Released() as released:
            return f"{len(released.tickets)} tickets {'expired' if released.cause == 'expired' else 'given back'}"
        case happenings.ObjectivesChanged() as changed:
            return f"objectives are now {', '.join(f'{o.property} {o.goal.lower()}' for o in changed.objectives)}"
        case happenings.Paused():
            return "paused"
        case happenings.Resumed():
            return "resumed"
        case happenings.Closed() as closed:
            return f"closed{f'; {len(closed.released)} tickets given back' if closed.released else ''}"
        case happenings.Promoted() as promoted:
            return f"job {promoted.job_id} makes the model {promoted.model_name} of {promoted.property}"
