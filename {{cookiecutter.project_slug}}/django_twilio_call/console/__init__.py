"""What people look at: the wallboard and the agent's desk, rendered on the server and refreshed by htmx."""
