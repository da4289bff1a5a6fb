"""Weights: those that exist (`manifest`), and how they are loaded and saved."""
