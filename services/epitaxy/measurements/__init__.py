"""What was measured after it was predicted, and whether the models still keep what their intervals promise."""
