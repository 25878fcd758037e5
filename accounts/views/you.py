"""What people set for themselves."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts import people
from accounts.actors import Request, requires
from accounts.forms import YouForm
from accounts.middleware import CHOSEN_WORKSPACE
from accounts.models import Workspace
from accounts.permissions import Permission

#: Every role holds it: these pages are for everybody who belongs to a workspace.
_signed_in = requires(Permission.VIEW_BOARD)


@require_http_methods(["GET", "HEAD", "POST"])
@_signed_in
def you(request: Request) -> HttpResponse:
    user = request.user
    initial = {"name": user.name, "confirms_in_dialog": user.confirms_in_dialog}
    form = YouForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        people.change_yourself(user, **form.cleaned_data, at=timezone.now())
        messages.success(request, "Saved.")
        return redirect("you")
    context = {"form": form, "workspaces": Workspace.objects.of(user).order_by("name")}
    return render(request, "people/you.html", context)


@require_POST
@_signed_in
def choose_workspace(request: Request) -> HttpResponse:
    chosen = {str(each.pk): each for each in Workspace.objects.of(request.user)}.get(
        request.POST.get("workspace", "")
    )
    if chosen is None:
        messages.error(request, "Choose one of your workspaces.")
        return redirect("you")
    request.session[CHOSEN_WORKSPACE] = str(chosen.pk)
    messages.success(request, f"You are in {chosen} now.")
    return redirect("board")
