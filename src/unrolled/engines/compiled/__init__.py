"""Kernels of our own in C, for the processor: every signal recorded in the pass that computes it."""
