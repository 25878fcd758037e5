from django.urls import path

from locks import views
from locks.codes import views as codes

urlpatterns = [
    path("", views.board, name="board"),
    path("doors/<uuid:pk>/", views.show_door, name="door"),
    path("doors/<uuid:pk>/unlock/", views.unlock, name="door-unlock"),
    path("doors/<uuid:pk>/lock/", views.lock, name="door-lock"),
    path("doors/<uuid:pk>/refresh/", views.refresh, name="door-refresh"),
    path("doors/<uuid:pk>/policy/", views.set_policy, name="door-policy"),
    path("doors/<uuid:pk>/codes/", codes.door_codes, name="door-codes"),
    path("doors/<uuid:pk>/keypad/", codes.set_keypad, name="door-keypad"),
    path("codes/", codes.codes, name="codes"),
    path("codes/new/", codes.new, name="code-new"),
    path("codes/extend/", codes.extend, name="codes-extend"),
    path("codes/export/", codes.export, name="codes-export"),
    path("codes/<uuid:pk>/", codes.code, name="code"),
    path("codes/<uuid:pk>/edit/", codes.edit, name="code-edit"),
    path("codes/<uuid:pk>/revoke/", codes.revoke, name="code-revoke"),
    path("codes/<uuid:pk>/reveal/", codes.reveal, name="code-reveal"),
    path("codes/<uuid:pk>/again/", codes.again, name="code-again"),
    path("codes/<uuid:pk>/adopt/", codes.adopt, name="code-adopt"),
    path("properties/<uuid:pk>/policy/", views.set_property_policy, name="property-policy"),
    path("attempts/<uuid:pk>/settle/", views.settle, name="attempt-settle"),
    path("stay/", views.stay, name="stay"),
]
