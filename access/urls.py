from django.urls import path

from access.cards import views as cards
from access.grants import list_views as grants
from access.grants.guests import views as people_here
from access.grants.pages import views as grant_pages
from access.grants.stay import views as stay
from access.grants.why import views as why
from access.guests import house_views as houses
from access.guests import message_views as messages
from access.guests import views as guests
from access.people import mobile_views as mobile
from access.people import views as people
from access.places import views as places
from access.reservations import views as reservations

urlpatterns = [
    # --- access systems and their people ---
    path("access/", places.systems, name="access"),
    path("access/<uuid:pk>/", places.system, name="acs-system"),
    path("access/<uuid:pk>/new/", people.new, name="acs-user-new"),
    path("access/<uuid:pk>/opens/", people.opens, name="acs-opens"),
    path("access/<uuid:pk>/groups/", places.groups, name="acs-groups"),
    path("access/<uuid:pk>/entrances/", places.entrances, name="acs-entrances"),
    path("access/<uuid:pk>/entrances/wired/", places.set_wired_many, name="acs-entrances-wired"),
    path("access/<uuid:pk>/credentials/", places.credential_list, name="acs-credentials"),
    path("access/<uuid:pk>/encoders/", places.encoder_list, name="acs-encoders"),
    path("access/<uuid:pk>/settings/", places.system_settings, name="acs-system-settings"),
    path("access/people/<uuid:pk>/", people.user, name="acs-user"),
    path("access/people/<uuid:pk>/edit/", people.edit, name="acs-user-edit"),
    path("access/people/<uuid:pk>/suspend/", people.suspend, name="acs-user-suspend"),
    path("access/people/<uuid:pk>/unsuspend/", people.unsuspend, name="acs-user-unsuspend"),
    path("access/people/<uuid:pk>/delete/", people.delete, name="acs-user-delete"),
    path("access/people/<uuid:pk>/again/", people.again, name="acs-user-again"),
    path("access/people/<uuid:pk>/pin/", people.ask_for_pin, name="acs-user-pin"),
    path("access/people/<uuid:pk>/mobile-key/", mobile.ask, name="acs-user-mobile-key"),
    path("access/groups/<uuid:pk>/", places.group, name="acs-group"),
    path("access/entrances/<uuid:pk>/", places.entrance, name="acs-entrance"),
    path("access/entrances/<uuid:pk>/link/", places.link_entrance, name="acs-entrance-link"),
    path("access/entrances/<uuid:pk>/wired/", places.set_wired, name="acs-entrance-wired"),
    path("access/credentials/<uuid:pk>/reveal/", people.reveal, name="acs-credential-reveal"),
    path("access/credentials/<uuid:pk>/link/", mobile.reveal, name="acs-mobile-link"),
    path("access/credentials/<uuid:pk>/link/new/", mobile.ask_for_link, name="acs-mobile-link-new"),
    path("access/credentials/<uuid:pk>/back/", mobile.take_back, name="acs-mobile-take-back"),
    # --- grants: the list, the calendar, who arrives ---
    path("grants/", grants.grants, name="grants"),
    path("grants/calendar/", grants.grants_calendar, name="grants-calendar"),
    path("grants/arrivals/", grants.grants_arrivals, name="grants-arrivals"),
    # --- one stay: its page, revoke and undo, why they cannot get in ---
    path("grants/revoke/", stay.revoke_many, name="grants-revoke"),
    path("grants/revoked/", stay.revoked, name="grants-revoked"),
    path("grants/undo/", stay.undo_many, name="grants-undo"),
    path("grants/why/", why.search, name="grants-why"),
    path("grants/<uuid:pk>/", stay.grant, name="grant"),
    path("grants/<uuid:pk>/why/", why.why, name="grant-why"),
    path("grants/<uuid:pk>/revoke/", stay.revoke, name="grant-revoke"),
    path("grants/<uuid:pk>/undo/", stay.undo, name="grant-undo"),
    path("grants/<uuid:pk>/again/", stay.again, name="grant-again"),
    path("grants/<uuid:pk>/methods/<uuid:method_pk>/reveal/", stay.reveal, name="grant-reveal"),
    # --- guests ---
    path("guests/", people_here.guests, name="guests"),
    path("guests/<uuid:pk>/", people_here.guest, name="known-guest"),
    path("guests/<uuid:pk>/edit/", people_here.edit, name="guest-edit"),
    path("guests/<uuid:pk>/merge/", people_here.merge, name="guest-merge"),
    # --- the encoding station ---
    path("cards/", cards.desk, name="cards"),
    path("cards/people/", cards.people, name="cards-people"),
    path("cards/ask/", cards.ask, name="card-ask"),
    path("cards/batch/", cards.batch, name="cards-batch"),
    path("cards/jobs/<uuid:pk>/", cards.job, name="card-job"),
    path("cards/jobs/<uuid:pk>/again/", cards.again, name="card-again"),
    path("cards/jobs/<uuid:pk>/stop/", cards.stop, name="card-stop"),
    path("cards/jobs/<uuid:pk>/discard/", cards.discard, name="card-discard"),
    path("cards/credentials/<uuid:pk>/lost/", cards.lost, name="card-lost"),
    path("cards/credentials/<uuid:pk>/returned/", cards.returned, name="card-returned"),
    # --- reservations ---
    path("reservations/", reservations.reservations, name="feeds"),
    path("reservations/new/", reservations.new_feed, name="reservation-feed-new"),
    path("reservations/import/", reservations.import_table, name="reservations-import"),
    path("reservations/sample.csv", reservations.sample_table, name="reservations-sample"),
    path("reservations/<uuid:pk>/", reservations.feed, name="reservation-feed"),
    path("reservations/<uuid:pk>/edit/", reservations.edit_feed, name="reservation-feed-edit"),
    path("reservations/<uuid:pk>/read/", reservations.read_feed, name="reservation-feed-read"),
    path("reservations/<uuid:pk>/pause/", reservations.pause_feed, name="reservation-feed-pause"),
    path(
        "reservations/<uuid:pk>/remove/", reservations.remove_feed, name="reservation-feed-remove"
    ),
    # --- what guests are told ---
    path("grants/guest-page/<uuid:pk>/", houses.edit, name="guest-page"),
    path("grants/guest-page/<uuid:pk>/preview/", houses.preview, name="guest-page-preview"),
    # --- the page behind a guest's link: the link is the authority, nobody signs in ---
    path("k/", guests.page, name="guest"),
    path("k/code/", guests.prove, name="guest-code"),
    path("k/hold/", guests.hold, name="guest-hold"),
    path("k/unlock/", guests.unlock, name="guest-unlock"),
    path("k/attempt/<uuid:pk>/", guests.attempt, name="guest-attempt"),
    path("k/help/", guests.help_page, name="guest-help"),
    path("k/stay.ics", guests.calendar, name="guest-calendar"),
    path("k/offline/", guests.offline, name="guest-offline"),
    path("k/seen/", guests.seen, name="guest-seen"),
    path("k/worker.js", guests.worker, name="guest-worker"),
    path("k/<str:token>/", guests.enter, name="guest-link"),
    # --- messages to guests ---
    path("grants/<uuid:pk>/messages/", messages.message_list, name="grant-messages"),
    path("grants/<uuid:pk>/messages/new/", messages.message_new, name="grant-message-new"),
    path("grants/<uuid:pk>/messages/copy/", messages.message_copy, name="grant-message-copy"),
    path("grants/<uuid:pk>/messages/print/", messages.message_print, name="grant-message-print"),
    path("grants/messages/<uuid:pk>/again/", messages.message_again, name="message-again"),
    path("grants/messages/<uuid:pk>/now/", messages.message_now, name="message-now"),
    path("grants/messages/<uuid:pk>/cancel/", messages.message_cancel, name="message-cancel"),
    path("grants/messages/<uuid:pk>/code/", messages.message_link_code, name="message-link-code"),
    path("grants/messages/<uuid:pk>/mail/", messages.message_mail, name="message-mail"),
    # --- grants: making and changing ---
    path("grants/new/", grant_pages.new, name="grant-new"),
    path("grants/plan/", grant_pages.plan, name="grant-plan"),
    path("grants/people/", grant_pages.find_people, name="grants-people"),
    path("grants/places/", grant_pages.find_places, name="grants-places"),
    path("grants/<uuid:pk>/change/", grant_pages.change, name="grant-change"),
    path("grants/<uuid:pk>/extend/", grant_pages.extend, name="grant-extend"),
    path("grants/<uuid:pk>/move/", grant_pages.move, name="grant-move"),
]
