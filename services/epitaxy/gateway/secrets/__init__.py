"""What the gateway proves itself with: Secrets of a new installation, and the certificate's expiry."""
