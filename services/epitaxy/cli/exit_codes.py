"""Exit codes of the command, for scripts."""

ALL_ANSWERED = 0
"""Everything was done: every structure was answered, every row was kept."""
RUN_FAILED = 1
"""The run failed as a whole, for example because no server answers or a job failed."""
USAGE = 2  # as in click
"""The command line or the data that it names contain a mistake; no work was done."""
SOME_REFUSED = 3
"""Some structures or rows were refused or failed. Each has a reason in the output."""
INTERRUPTED = 130  # 128 + SIGINT, as in shells
"""The command was interrupted by Ctrl-C."""
