"""Webhooks that come in: mere hints to look again (reliability HOOK-05)."""
