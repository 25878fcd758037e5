"""Access codes on doors: rules, the acts of people, and the reconciler that makes them true."""
