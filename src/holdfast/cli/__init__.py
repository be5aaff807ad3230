"""What an operator types: one file a command in `commands/`, and what they share. Nothing is decided or stored here."""
