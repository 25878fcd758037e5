"""Tags that every template may use."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw a symbol of the sprite. Decoration only: a word always stands beside it."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static("icons/sprite.svg"),
        name,
    )


@register.simple_tag
def moment(
    at: datetime | None, zone: ZoneInfo | None = None, *, style: str = "clock"
) -> SafeString:
    """Show a time of the property; the browser may turn it into an age.

    `style`: `clock` (14:02:11), `minute` (14:02), `full` (21 Nov 2026, 14:02:11 CET),
    `day` (21 Nov 2026), `ago` (as clock, but a script keeps it as an age like "12 s ago").
    """
    if at is None:
        return SafeString("–")
    local = at.astimezone(zone) if zone else at
    shapes = {"minute": "%H:%M", "full": "%-d %b %Y, %H:%M:%S %Z", "day": "%-d %b %Y"}
    return format_html(
        '<time datetime="{}"{}>{}</time>',
        at.isoformat(timespec="seconds"),
        SafeString(" data-ago") if style == "ago" else "",
        local.strftime(shapes.get(style, "%H:%M:%S")),
    )
