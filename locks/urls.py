from django.urls import path

from locks import views

urlpatterns = [
    path("", views.board, name="board"),
    path("doors/<uuid:pk>/", views.show_door, name="door"),
    path("doors/<uuid:pk>/unlock/", views.unlock, name="door-unlock"),
    path("doors/<uuid:pk>/lock/", views.lock, name="door-lock"),
    path("doors/<uuid:pk>/refresh/", views.refresh, name="door-refresh"),
    path("doors/<uuid:pk>/policy/", views.set_policy, name="door-policy"),
    path("properties/<uuid:pk>/policy/", views.set_property_policy, name="property-policy"),
    path("attempts/<uuid:pk>/settle/", views.settle, name="attempt-settle"),
    path("stay/", views.stay, name="stay"),
]
