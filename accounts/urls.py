from django.urls import path

from accounts.views import accounts, connect, hooks, people, you

urlpatterns = [
    path("accounts/", accounts.accounts, name="accounts"),
    path("accounts/connect/", accounts.connect_new, name="connect-new"),
    path("accounts/unfinished/<uuid:pk>/resume/", accounts.webview_resume, name="webview-resume"),
    path("accounts/unfinished/<uuid:pk>/cancel/", accounts.webview_cancel, name="webview-cancel"),
    path("accounts/<uuid:pk>/", accounts.account, name="account"),
    path("accounts/<uuid:pk>/settings/", accounts.account_settings, name="account-settings"),
    path("accounts/<uuid:pk>/sync/", accounts.account_sync, name="account-sync"),
    path("accounts/<uuid:pk>/sites/", accounts.account_sites, name="account-sites"),
    path("accounts/<uuid:pk>/reconnect/", accounts.account_reconnect, name="account-reconnect"),
    path("accounts/<uuid:pk>/disconnect/", accounts.account_disconnect, name="account-disconnect"),
    path(
        "accounts/<uuid:pk>/allow-opening/",
        accounts.account_allow_opening,
        name="account-allow-opening",
    ),
    path(
        "accounts/<uuid:pk>/hubs/<uuid:hub_pk>/activate/",
        accounts.account_activate_hub,
        name="account-activate-hub",
    ),
    path("accounts/<uuid:pk>/hook/", hooks.account_hook_add, name="account-hook-add"),
    path("accounts/<uuid:pk>/hook/remove/", hooks.account_hook_remove, name="account-hook-remove"),
    # Signed messages: the signature is the authority.
    path("hooks/<uuid:pk>/", hooks.hook, name="hook"),
    # Onboarding: the link is the authority, so none of these asks for a sign-in here.
    path("connect/return", connect.connect_return, name="connect-callback"),
    path("connect/<str:token>/", connect.connect, name="connect"),
    path("connect/<str:token>/intro/", connect.intro, name="connect-intro"),
    path("connect/<str:token>/brand/", connect.brand, name="connect-brand"),
    path("connect/<str:token>/sign-in/", connect.sign_in_step, name="connect-sign-in"),
    path("connect/<str:token>/sign-in/go/", connect.sign_in_go, name="connect-sign-in-go"),
    path("connect/<str:token>/checks/", connect.checks, name="connect-checks"),
    path("connect/<str:token>/checks/settle/", connect.settle, name="connect-settle"),
    path("connect/<str:token>/sites/", connect.sites, name="connect-sites"),
    path("connect/<str:token>/confirm/", connect.confirm, name="connect-confirm"),
    path("connect/<str:token>/sync/", connect.sync, name="connect-sync"),
    path("connect/<str:token>/done/", connect.done, name="connect-done"),
    path(
        "connect/<str:token>/hubs/<uuid:pk>/activate/",
        connect.activate_hub,
        name="connect-activate-hub",
    ),
    path("people/", people.people_list, name="people"),
    path("people/invite/", people.person_invite, name="person-invite"),
    path("people/outbox/", people.outbox, name="outbox"),
    path("people/<uuid:pk>/", people.person, name="person"),
    path("people/<uuid:pk>/deactivate/", people.person_deactivate, name="person-deactivate"),
    path("people/<uuid:pk>/reactivate/", people.person_reactivate, name="person-reactivate"),
    path("people/invitations/<uuid:pk>/again/", people.invitation_again, name="invitation-again"),
    path(
        "people/invitations/<uuid:pk>/withdraw/",
        people.invitation_withdraw,
        name="invitation-withdraw",
    ),
    path("invitation/<str:token>/", people.invitation, name="invitation"),
    path("you/", you.you, name="you"),
    path("you/workspace/", you.choose_workspace, name="you-workspace"),
]
