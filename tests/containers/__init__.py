"""Real containers for the tests: an engine, a base image and the compose plugin, on a machine with none of them."""
