"""Figures beside those of peers, measured in one run on one machine."""
