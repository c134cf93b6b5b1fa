"""Fine-tune jobs and the models that they make, from the caller's side."""
