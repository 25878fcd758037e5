"""What is wished of people in access control systems, and what is seen of them, made to agree.

`facts`, `merging`, `telling`, `steps` and `refusals` decide and touch no database; `making`
makes the calls and stores their answers. Listings come from `access.syncing`.
"""
