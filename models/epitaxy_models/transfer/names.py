"""Names that a job may ask for; this module is light, so that a request can be refused before any work is begun."""

STRATEGIES = (
    "block_gp",
    "block_gp_without_peers",
    "gated_process",
    "substrate_line",
    "substrate_head",
    "embedding_ridge",
    "descriptor_forest",
    "descriptor_gp",
    "fraction_forest",
    "full_forest",
    "anchored_forest",
    "pool_median",
    "physics_process",
    "stack",
    "scratch_network",
    "partial_fine_tune",
    "full_fine_tune",
)
PEERS = ("chgnet", "minimol")
LAWS = (
    "arrhenius:CONDITION",
    "softening:CONDITION",
    "monotone:CONDITION:rising|falling",
    "bounded:LOWER:UPPER",
    "ordered:COLUMN:under|over",
)
"""Forms in which a job names a law."""
