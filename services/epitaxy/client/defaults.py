"""Default values and limits of the options that several calls share."""

COVERAGE = 0.9
"""Nominal coverage of prediction intervals."""
MIN_COVERAGE = 0.5
MAX_COVERAGE = 0.99

CHUNK_SIZE = 128
"""Structures in one message of a screening."""
MAX_CHUNK_SIZE = 512
"""Most structures that the server takes in one message of a screening, an embedding or a validation."""
MAX_PREDICT_STRUCTURES = 64
"""Most structures that the server takes in one message of ``predict``."""

N_NEAREST = 5
"""Known materials named beside an explained structure."""
MAX_NEAREST = 20

TIMEOUT_SECONDS = 60.0
"""Longest time for one call."""
PATIENCE_SECONDS = 330.0
"""Longest silence within a screening: a little more than the gateway's own patience with one message."""
READY_SECONDS = 5.0
"""Longest time for a question of readiness."""

STRUCTURE_COLUMN = "structure"
"""Column of the structures in tables."""
MAX_STRUCTURE_BYTES = 3 << 20
"""Largest structure that is sent: gRPC servers take 4 MiB in a message unless told otherwise."""
