"""How the processes are composed."""
