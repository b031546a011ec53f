"""A chat model server that costs next to nothing and behaves as it is told."""
