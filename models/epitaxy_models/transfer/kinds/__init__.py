"""Jobs on materials without a crystal: compositions, molecules and polymers."""
