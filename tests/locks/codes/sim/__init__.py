"""A seeded simulator of the reconciler of access codes: virtual time, no database.

One seed is one world: a provider with its faults, people who create, change and revoke codes,
two workers that crash anywhere. The rules are the product's own (locks.codes.decide and its
neighbours); only what executes them is modelled here, with the same points of commit.
"""
