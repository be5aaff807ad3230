"""The commands, one file each: `main.py` finds every file here and puts its `app` under its own name."""
