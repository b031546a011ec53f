"""How processes agree: keys, codec, board."""
