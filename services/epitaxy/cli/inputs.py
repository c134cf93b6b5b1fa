"""The input files that a command line names."""

from collections.abc import Collection, Sequence
from pathlib import Path

from epitaxy.cli.terminal import usage_error
from epitaxy.client.inputs.inventory import Inventory


def inventory_of(paths: Sequence[Path], exclude: Collection[Path] = ()) -> Inventory:
    """Lists the files below these paths. Having no structures in them is a mistake in the command line."""
    inventory = Inventory.of(paths, exclude)
    if not inventory.files:
        raise usage_error(f"no structures in {', '.join(map(str, paths))}")
    return inventory
