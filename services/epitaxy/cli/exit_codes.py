"""Exit codes of the command, for scripts."""

ALL_ANSWERED = 0
RUN_FAILED = 1
USAGE = 2  # as in click
SOME_REFUSED = 3
INTERRUPTED = 130  # 128 + SIGINT, as in shells
