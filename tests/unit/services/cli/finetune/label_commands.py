"""Command lines that the tests of several commands share."""


def create(labels: object, *more: object, name: str = "my-tc") -> tuple[object, ...]:
    return ("create", "--data", labels, "--column", "tc_k", "--unit", "K", "--name", name, *more)
