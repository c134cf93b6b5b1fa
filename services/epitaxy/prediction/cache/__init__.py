"""What is kept between requests: in the replica, and in Redis."""
