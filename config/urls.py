"""Every address, app by app."""

from django.urls import include, path

from accounts.actors import requires
from accounts.permissions import Permission
from audit.views import log
from config import health

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("user/", include("allauth.account.urls")),
    # The floor knows no roles, so the permission is put in front of its page here.
    path("log/", requires(Permission.VIEW_LOG)(log), name="log"),
    path("", include("accounts.urls")),
    path("", include("locks.urls")),
    path("", include("access.urls")),
]

handler500 = "config.errors.server_error"
