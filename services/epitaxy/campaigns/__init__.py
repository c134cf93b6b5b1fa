"""Closed loops: pools, recommendations, results, advice. Read `server`, `servicer`, `campaigns`, `domain.record`."""
