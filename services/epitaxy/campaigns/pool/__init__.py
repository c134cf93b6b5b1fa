"""Pools of candidates: taking in, featurizing, looking up."""
