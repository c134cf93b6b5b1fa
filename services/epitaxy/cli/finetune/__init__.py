"""``epitaxy finetune``."""
