"""Why somebody cannot get in: a walk from their stay to the door, link by link (ux 4.1)."""
