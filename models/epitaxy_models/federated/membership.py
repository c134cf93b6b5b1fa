"""The attack that asks of a model whether it has seen a row (Yeom et al., CSF 2018): seen rows have smaller errors."""

import numpy as np
from sklearn.metrics import roc_auc_score

from epitaxy_models.federated.model import NETWORKS, RIDGE, FederatedModel
from epitaxy_models.federated.rows import MemberRows


def membership_auc(model: FederatedModel, seen: MemberRows, unseen: MemberRows) -> float:
    """Area under the curve of the attack on the common model, which every member has; 0.5 is chance."""
    name = NETWORKS if model.settings.rounds else RIDGE
    errors = [np.abs(model.predict(rows.features)[name] - rows.labels) for rows in (seen, unseen)]
    is_seen = np.repeat([1, 0], [len(seen), len(unseen)])
    return float(roc_auc_score(is_seen, -np.concatenate(errors)))
