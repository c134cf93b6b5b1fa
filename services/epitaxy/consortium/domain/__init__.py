"""Frozen types and rules of consortia: no transport, no cryptography."""
