"""From each older history file to today's, one step a file under `versions/`. A published step stays as it is."""
