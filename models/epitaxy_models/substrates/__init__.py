"""Substrates: one contract for what a model pretrained on a large database next door gives, whatever the material."""
