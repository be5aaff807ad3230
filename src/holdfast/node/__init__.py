"""One running process: settings, composition, phases of the start, the loop, and the walk itself (`walk.py`)."""
