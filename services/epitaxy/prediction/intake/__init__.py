"""From structures on the wire to structures that the model can answer."""
