"""The Search call: a stream that finds the best candidates of a pool without predicting all of it."""
