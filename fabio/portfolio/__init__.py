"""What we hold: order states, positions, the account with its limits, sizes, performance.

Pure functions on the nouns; the engine calls them and keeps what they return.
"""
