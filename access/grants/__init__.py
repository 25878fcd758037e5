"""Access grants: asked for, planned against what is there, stored, kept and ended."""
