"""Tests of the call center: they mirror the packages."""
