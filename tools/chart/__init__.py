"""What is made of the Helm chart: its README, its package, bills of materials of its images."""
