"""Cards: made, written again, replaced, read. The encoding station is built on this."""
