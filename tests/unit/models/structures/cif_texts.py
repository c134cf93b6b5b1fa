"""CIF texts of our own making, for tests."""

from collections.abc import Sequence

CUBIC = (5.64, 5.64, 5.64, 90, 90, 90)
ROCK_SALT_ROWS = ("Na1 Na 0 0 0", "Cl1 Cl 0.5 0.5 0.5")
CELL_TAGS = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")


def cif_text(
    symmetry: str = "",
    rows: Sequence[str] = ROCK_SALT_ROWS,
    *,
    cell: Sequence[float] = CUBIC,
    columns: Sequence[str] = (),
    name: str = "x",
) -> str:
    """A data block: the cell, lines of symmetry or whatever else, rows of label, type, x, y, z and further columns."""
    lines = [f"data_{name}", *(f"_cell_{tag} {value}" for tag, value in zip(CELL_TAGS, cell, strict=True)), symmetry]
    lines += ["loop_", *(f"_atom_site_{tag}" for tag in ("label", "type_symbol", "fract_x", "fract_y", "fract_z"))]
    lines += [f"_atom_site_{column}" for column in columns]
    return "\n".join([*lines, *rows, ""])


def loop(tag: str, values: Sequence[str]) -> str:
    """A loop of one tag, its values in quotes."""
    return "\n".join(["loop_", tag, *(f"'{value}'" for value in values)])
