"""Refused inputs, written in the form in which they came."""
