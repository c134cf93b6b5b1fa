"""What a client can do about served models."""

from collections.abc import AsyncIterator
from datetime import datetime

from epitaxy.api.models.v1 import models_pb2, models_pb2_grpc
from epitaxy.client.async_calls import AsyncCalls
from epitaxy.client.models.async_governance import AsyncModelGovernance
from epitaxy.client.models.reading import read_card
from epitaxy.client.models.render import ModelCard
from epitaxy.client.models.review import AuditEntry, ModelChange, ReviewPolicy
from epitaxy.client.models.selector import parse_model


class AsyncModelMethods:
    """The part of the client that lists models and decides which version serves."""

    _calls: AsyncCalls
    _models: models_pb2_grpc.ModelServiceStub
    _governance: AsyncModelGovernance

    async def list_models(self) -> list[ModelCard]:
        """Returns the cards of all served models.

        Raises:
            EpitaxyClientError: The call failed.
        """
        cards: list[ModelCard] = []
        token = ""
        while True:
            request = models_pb2.ListModelsRequest(page_token=token)
            response = await self._calls.once(self._models.ListModels, request)
            cards.extend(map(read_card, response.models))
            token = response.next_page_token
            if not token:
                return cards

    async def get_model(self, model: str | None = None) -> ModelCard:
        """Returns the card of one model.

        Args:
            model: ``NAME``, ``NAME@ALIAS`` or ``NAME:VERSION`` (default: the server's default model).

        Raises:
            NotFoundError: There is no such model.
            InvalidRequestError: ``model`` has none of these forms.
        """
        request = models_pb2.GetModelRequest(model=parse_model(model))
        return read_card((await self._calls.once(self._models.GetModel, request)).model)

    async def promote_model(
        self, name: str, version: str = "", override_reason: str = "", *, request_id: str = ""
    ) -> ModelChange:
        """Makes a version the champion, which is what answers under the model's name alone.

        Args:
            name: Name of a model of your own.
            version: Version to promote (default: the candidate).
            override_reason: Reason for promoting a model that HURTS or is not calibrated, which is refused without
                one. Kept in the audit log.
            request_id: Id that makes the call safe to repeat from another process: a call with an equal id and equal
                content changes nothing and returns the first one's answer. At most 128 characters (default: a random
                one, by which the client repeats the call itself if its answer is lost).

        Raises:
            NotFoundError: There is no such model or version.
            InvalidRequestError: The model needs a reason, or ``request_id`` was used for something else.
        """
        return await self._governance.promote(name, version, override_reason, request_id)

    async def rollback_model(self, name: str, reason: str = "", *, request_id: str = "") -> ModelChange:
        """Makes the previous champion the champion again.

        Args:
            name: Name of a model of your own.
            reason: Reason, kept in the audit log.
            request_id: As in ``promote_model``.

        Raises:
            NotFoundError: There is no such model.
            InvalidRequestError: There is no previous champion, or ``request_id`` was used for something else.
        """
        return await self._governance.roll_back(name, reason, request_id)

    async def set_review_policy(
        self, name: str, policy: ReviewPolicy, reason: str = "", *, request_id: str = ""
    ) -> ReviewPolicy:
        """Sets the policy that judges all answers of a model, for all versions, within seconds and without a restart.

        Args:
            name: Name of a model of your own.
            policy: The new policy; it replaces the old one as a whole.
            reason: Reason, kept in the audit log.
            request_id: As in ``promote_model``.

        Returns:
            The policy as it holds now.

        Raises:
            NotFoundError: There is no such model.
            InvalidRequestError: The policy makes no sense for the model, or ``request_id`` was used for something else.
        """
        return await self._governance.set_policy(name, policy, reason, request_id)

    def audit_log(
        self, model: str = "", *, since: datetime | None = None, until: datetime | None = None
    ) -> AsyncIterator[AuditEntry]:
        """Yields promotions, overrides, rollbacks, policy changes and deletions, the latest first.

        Args:
            model: Name of a model of your own (default: all models).
            since: Leaves out earlier entries; a time without a zone is UTC (default: from the first one on).
            until: Leaves out entries at or after this time (default: up to now).

        Raises:
            EpitaxyClientError: The call failed.
        """
        return self._governance.audit(model, since, until)
