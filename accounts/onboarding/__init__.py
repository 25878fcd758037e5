"""Connecting an account, from a link to doors on the board.

    webviews    one attempt: its link, its steps, its end
    credentials what we are told to sign in with, and where
    sign_in     the two ways in: at the provider, or with back-end credentials
    checking    the live checks, and who this is
    choosing    which sites, and which property each is
    connecting  the account itself: added, renewed, replaced
    adding      more sites for it later
    progress    how the first sync goes

Every step is stored before the next is shown, secrets sealed and apart from the answers, so
an attempt can be left at any moment and taken up again.
"""

from accounts.onboarding.webviews import forget_expired

__all__ = ["forget_expired"]
