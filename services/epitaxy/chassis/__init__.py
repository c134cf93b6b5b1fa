"""What every service shares: settings, errors, auth, metrics, logs, health, interceptors."""
