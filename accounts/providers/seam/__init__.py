"""Seam: one workspace by its API key, with locks of every brand it knows (facts: Seam's schema)."""

from accounts.providers.seam.driver import Seam
from accounts.providers.seam.errors import LABEL, advice, troubleshooting

__all__ = ["LABEL", "Seam", "advice", "troubleshooting"]
