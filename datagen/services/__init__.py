"""What a user or a worker may do; each call takes the acting user."""
