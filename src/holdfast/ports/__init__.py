"""The doors as types: what the rooms may ask of the world, and nothing of how it is done."""
