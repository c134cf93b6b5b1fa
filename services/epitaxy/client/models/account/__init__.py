"""What the server says of itself and of the caller's account, and what an administrator does about all accounts."""
