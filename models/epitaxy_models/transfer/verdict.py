"""Whether transfer helps, as a word; services that judge nothing read it as well."""

from enum import StrEnum


class Verdict(StrEnum):
    """A strategy against the best that needs no pretrained substrate."""

    HELPS = "HELPS"
    NEUTRAL = "NEUTRAL"
    HURTS = "HURTS"
