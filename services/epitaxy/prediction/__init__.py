"""The prediction service: a Ray Serve application behind the gateway."""
