"""The public edge: authenticates, meters, sheds, and forwards to the prediction application."""
