"""Candidates that are in no database yet: made by ionic substitution, or taken in from generated sets.

Read in this order: `charges.py` (which ions a crystal holds), `substitutes.py` (which ions may take their places),
`children.py` (the crystals that come of it), `novelty.py` (what is known already), `making.py` (all of it together).
"""
