"""The structure of the code as its imports show it: rooms, arrows between them, and a picture of both."""
