"""Files below the folders and buckets that a server has opened to each tenant."""
