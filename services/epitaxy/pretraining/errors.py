"""What ends a pretraining run that its configuration does not explain."""


class PretrainingFailedError(Exception):
    """The workers were lost more often than the configuration allows; the same command resumes the run."""
