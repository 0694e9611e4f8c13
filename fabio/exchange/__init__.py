"""The second machine: a simulated venue and the shadow book, on small named assumptions."""
