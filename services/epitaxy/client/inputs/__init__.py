"""From files, folders, tables and objects to structures on the wire, read lazily."""
