"""Django's settings, one module for each stage: what is switched on. Values come from the environment."""
