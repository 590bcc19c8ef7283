"""Clients that tests use and that are no packages of ours: fetched by `make clients` into a cache outside the tree."""
