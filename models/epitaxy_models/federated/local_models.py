"""Models that a member fits to its own rows alone; they never leave it."""

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from epitaxy_models.federated.rows import MemberRows
from epitaxy_models.federated.scaling import Scaling

Array = NDArray[np.float64]
Predict = Callable[[Array], Array]
"""Labels of features, ``[n_rows]`` of ``[n_rows, n_features]``."""

FOREST, PROCESS = "forest", "process"
N_TREES = 200
# No more than that: the likelihood is flat, and hundreds of steps changed the error by less than its spread.
_MAX_STEPS = 15


def fit_forest(rows: MemberRows, seed: int) -> Predict:
    """Extremely randomized trees (Geurts, Ernst & Wehenkel 2006), as the central bar uses them."""
    forest = ExtraTreesRegressor(N_TREES, max_features=0.3, random_state=seed).fit(rows.features, rows.labels)
    return lambda features: np.asarray(forest.predict(features))


def fit_process(rows: MemberRows, seed: int) -> Predict:
    """A Gaussian process, Matern 3/2 over the member's own standardized features."""
    moments = np.column_stack([rows.features, rows.labels])
    scaling = Scaling(float(len(rows)), moments.mean(axis=0), moments.std(axis=0))
    kernel = ConstantKernel(1.0) * Matern(10.0, (1.0, 1e3), nu=1.5) + WhiteKernel(0.1, (1e-4, 1e1))
    process = GaussianProcessRegressor(kernel, optimizer=_few_steps, random_state=seed)
    with warnings.catch_warnings():
        # A length or a noise at the end of its range says that few rows tell little of it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        process.fit(scaling.standardized(rows.features), scaling.standardized_labels(rows.labels))
    return lambda features: scaling.in_units(process.predict(scaling.standardized(features)))


Fit = Callable[[MemberRows, int], Predict]
"""A model of one member's rows, with a seed."""

LOCAL_MODELS: dict[str, Fit] = {FOREST: fit_forest, PROCESS: fit_process}


def _few_steps(objective: Callable[..., tuple[float, Array]], start: Array, bounds: Array) -> tuple[Array, float]:

    found = minimize(objective, start, jac=True, bounds=bounds, method="L-BFGS-B", options={"maxiter": _MAX_STEPS})
    return np.asarray(found.x), float(found.fun)
