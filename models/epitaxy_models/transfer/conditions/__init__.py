"""Conditions: what was set when a label was measured, such as temperature, pressure or route."""
