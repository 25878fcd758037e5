"""The pages on which grants are made and changed."""
