"""What the command's exit code says to a script."""

ALL_ANSWERED = 0
RUN_FAILED = 1
USAGE = 2  # as click has it
SOME_REFUSED = 3
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
