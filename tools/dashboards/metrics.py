"""PromQL of the shapes that the panels share. Every selector keeps to the chosen namespaces."""

NAMESPACE = 'namespace=~"$namespace"'
BY_TENANT_AND_MODEL = 'tenant=~"$tenant",model=~"$model"'
EVALUATE = 'method="Evaluate"'


def select(metric: str, *matchers: str) -> str:
    return f"{metric}{{{','.join((NAMESPACE, *matchers))}}}"


def rate(metric: str, *matchers: str, window: str = "$__rate_interval") -> str:
    return f"rate({select(metric, *matchers)}[{window}])"


def increase(metric: str, *matchers: str, window: str) -> str:
    return f"increase({select(metric, *matchers)}[{window}])"


def last(metric: str, *matchers: str, window: str) -> str:
    """The latest value of a gauge of a replica: Ray's exporter drops one that was not set for 20 s."""
    return f"last_over_time({select(metric, *matchers)}[{window}])"


def total(expression: str, *by: str) -> str:
    return f"sum by ({', '.join(by)}) ({expression})" if by else f"sum({expression})"


def quantile(share: float, histogram: str, *matchers: str, by: tuple[str, ...] = ()) -> str:
    return f"histogram_quantile({share}, {total(rate(f'{histogram}_bucket', *matchers), 'le', *by)})"


def ratio(part: str, whole: str) -> str:
    """A share that is 0, not missing, while there is only the whole."""
    return f"({part} or 0 * {whole}) / {whole}"
