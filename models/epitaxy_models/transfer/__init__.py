"""Transfer: from a pretrained substrate and a few dozen labels to a judged model."""
