"""Markov chains: one transition, chains on all cores, and what their draws are worth."""
