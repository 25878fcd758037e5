"""What an access grant will do at every door, worked out before anything is done. Pure.

Forms, saving and every later change ask `planner`, so what is shown is what is stored.
"""
