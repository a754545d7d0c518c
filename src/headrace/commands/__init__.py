"""What the `headrace` command does, one module for each subcommand. Nothing here is imported before it is asked for."""
