"""Laws that a property keeps, whatever the structure: how it depends on a condition, and where it must not go."""
