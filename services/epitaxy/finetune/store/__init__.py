"""Where jobs, their files and the audit log are kept."""
