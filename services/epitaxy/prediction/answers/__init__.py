"""Answers as messages: as columns, and what every form of them shares."""
