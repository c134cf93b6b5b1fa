"""Accounts: limits and usage of the caller, and what an administrator does about all tenants."""
