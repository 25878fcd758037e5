"""The pages people see: index, sign-in, consent, outbox, doors. All say SIMULATED.

Plain HTML with one stylesheet, nothing inline, nothing from elsewhere; the policy in the
headers holds the pages to that.
"""

from html import escape
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from sandbox import keypads, seed
from sandbox.clock import format_utc
from sandbox.seam import codes as seam_codes
from sandbox.things import Lock, Mail, Person, SignIn, Site
from sandbox.world import World

LIVE = "script-src 'self'; connect-src 'self';"
SCOPE_TEXTS = {
    "user_api.full_access": "See and operate your sites, locks and users",
    "openid": "Know who you are",
    "profile": "See your name",
    "offline_access": "Stay connected while you are away",
}


def page(
    title: str, body: str, *, status: int = 200, may_post_to: str = "", live: str = ""
) -> Response:
    """Return a whole page. `may_post_to`: another origin that a form's answer may lead to;
    `live`: where a script asks each second for the lights that the page shows."""
    script = '<script type="module" src="/static/live.js"></script>' if live else ""
    source = f' data-live="{escape(live)}"' if live else ""
    html = f"""<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>{escape(title)} – SIMULATED locks</title>
  <link rel="icon" href="/static/sandbox.svg">
  <link rel="stylesheet" href="/static/sandbox.css">
  {script}
</head>
<body{source}>
  <header>
    <p class="brand"><strong>SIMULATED</strong> locks <span>no real lock behind it</span></p>
    <nav aria-label="Sandbox">
      <a href="/">Start</a> <a href="/doors">Doors</a> <a href="/cards">Cards</a>
      <a href="/tags">Tags</a> <a href="/phones">Phones</a>
      <a href="/calendars">Calendars</a> <a href="/outbox">Outbox</a>
    </nav>
  </header>
  <main>
    <h1>{escape(title)}</h1>
{body}
  </main>
</body>
</html>
"""
    policy = (
        f"default-src 'none'; style-src 'self'; {LIVE if live else ''} img-src 'self'; base-uri 'none';"
        f" frame-ancestors 'none'; form-action 'self' {may_post_to}"
    )
    headers = {
        "Content-Security-Policy": policy.strip(),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    return HTMLResponse(html, status, headers=headers)


def problem(text: str, *, status: int = 400) -> Response:
    return page("This did not work", f'    <p role="alert">{escape(text)}</p>', status=status)


def refused(request: Request) -> Response | None:
    """Return the answer to a form that no page of ours sent; None if one of ours did.

    Another web page open in the same browser must not open doors, not even simulated ones.
    """
    if request.headers.get("sec-fetch-site", "none") in {"same-origin", "none"}:
        return None
    return problem("This form was sent from somewhere else.", status=403)


# --- sign-in ------------------------------------------------------------------------------


def login(sign_in: SignIn, *, email: str = "", wrong: bool = False) -> Response:
    alert = '<p role="alert" class="wrong">E-mail or password is wrong.</p>' if wrong else ""
    body = f"""    {alert}
    <form method="post" action="{prefix(sign_in)}/identity/login">
      <input type="hidden" name="sign_in" value="{escape(sign_in.id)}">
      <label for="email">E-mail</label>
      <input id="email" name="email" type="email" autocomplete="username" required
             value="{escape(email)}">
      <label for="password">Password</label>
      <input id="password" name="password" type="password" autocomplete="current-password"
             required>
      <button type="submit">Sign in</button>
    </form>
    <p class="hint">Accounts and their passwords are on the <a href="/">start page</a>.</p>"""
    return page("Sign in", body, status=401 if wrong else 200)


def consent(sign_in: SignIn, person: Person) -> Response:
    texts = [SCOPE_TEXTS.get(scope, scope) for scope in sign_in.scopes]
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    body = f"""    <p>Signed in as <strong>{escape(person.account)}</strong>.</p>
    <p><strong>{escape(sign_in.client_id)}</strong> asks to:</p>
    <ul>{items}</ul>
    <form method="post" action="{prefix(sign_in)}/identity/consent">
      <input type="hidden" name="sign_in" value="{escape(sign_in.id)}">
      <button type="submit" name="decision" value="allow">Allow</button>
      <button type="submit" name="decision" value="deny" class="quiet">Deny</button>
    </form>"""
    # The answer to this form leads back to the application, which browsers count as its action.
    target = urlsplit(sign_in.redirect_uri)
    return page("Allow access?", body, may_post_to=f"{target.scheme}://{target.netloc}")


def prefix(sign_in: SignIn) -> str:
    return "/accept" if sign_in.environment == "accept" else ""


# --- index and outbox ---------------------------------------------------------------------


def index(world: World, base_url: str) -> Response:
    rows = "".join(
        f"<tr><th scope='row'>{escape(email)}</th><td>{seed.PASSWORD}</td><td>{escape(text)}</td></tr>"
        for email, text in seed.ACCOUNTS.items()
    )
    clients = "".join(
        f"<tr><th scope='row'>{escape(client.id)}</th><td>{escape(client.secret)}</td>"
        f"<td>{escape(', '.join(client.grants))}</td></tr>"
        for client in world.clients
    )
    url = escape(base_url)
    body = f"""    <p>A stand-in for the Salto KS cloud, and for Seam with a Salto Space installation: sign-in,
      locks, people, cards and an audit trail that behave like the real ones, without a single
      lock on the wall.</p>
    <h2>Accounts</h2>
    <div class="wide"><table>
      <thead><tr><th>E-mail</th><th>Password</th><th>What it is for</th></tr></thead>
      <tbody>{rows}</tbody></table></div>
    <h2>Applications (OAuth clients)</h2>
    <div class="wide"><table>
      <thead><tr><th>client_id</th><th>client_secret</th><th>Grants</th></tr></thead>
      <tbody>{clients}</tbody></table></div>
    <h2>Addresses</h2>
    <dl>
      <dt>Identity</dt>
      <dd><a href="/identity/.well-known/openid-configuration">{url}/identity</a></dd>
      <dt>Connect API</dt><dd>{url}/connect/v1.1, {url}/connect/v1.2</dd>
      <dt>Legacy dialect</dt>
      <dd>token {url}/legacy/oauth2/token, API {url}/legacy/v1.1</dd>
      <dt>Keypad Cloud, invented</dt><dd>{url}/keypad/v1</dd>
      <dt>Seam</dt><dd>{url}/seam</dd>
      <dt>Cards and encoders</dt><dd><a href="/cards">Cards</a>: a tray, two encoders, twelve doors</dd>
      <dt>Tags and readers</dt><dd><a href="/tags">Tags</a>: a tray, four readers, eight doors</dd>
      <dt>Mobile keys</dt><dd><a href="/phones">Phones</a>: links that were sent, and phones to open doors with</dd>
      <dt>Try a door</dt><dd><a href="/doors">Doors</a>: PIN {seed.DEMO_PIN}, or a tag</dd>
      <dt>Booking site</dt><dd><a href="/calendars">Calendars</a>: two rooms, their bookings, what a calendar may do wrong</dd>
      <dt>Mails and text messages</dt><dd><a href="/outbox">Outbox</a></dd>
      <dt>What happened</dt>
      <dd><a href="/control/effects">effects</a>, <a href="/control/requests">requests</a></dd>
    </dl>"""
    return page("Sandbox", body)


def outbox(mails: list[Mail]) -> Response:
    """Show what the cloud sent, newest first."""
    items = "".join(_mail(mail) for mail in reversed(mails))
    body = f'<ol class="plain">{items}</ol>' if items else "<p>Nothing yet.</p>"
    return page("Outbox", f"    {body}")


def _mail(mail: Mail) -> str:
    return f"""
      <li>
        <h2>{escape(mail.subject)}</h2>
        <p class="hint">{escape(mail.channel)} to {escape(mail.to or "nobody")},
          {format_utc(mail.at)}</p>
        <p>{escape(mail.text)}</p>
      </li>"""


# --- doors --------------------------------------------------------------------------------


def doors(world: World, site: Site, said: str) -> Response:
    """Show one site's doors, and let a person stand in front of one."""
    links = " ".join(
        f'<a href="/doors?site={other.id}"{_current(other, site)}>'
        f"{escape(other.customer_reference)}</a>"
        for other in world.sites
    )
    tags = ", ".join(
        f"{tag.number} ({escape(world.people[tag.person_id].name)})"
        for tag in world.tags.where(site_id=site.id)
        if tag.person_id
    )
    hint = f"Demo PIN {seed.DEMO_PIN}. Tags: {tags}."
    if site.brand == keypads.BRAND:
        hint = "SIMULATED Keypad Cloud: nobody has a code here until one is made."
    if site.brand == seam_codes.BRAND:
        hint = "SIMULATED locks of other brands, reached through Seam. A code typed here counts."
    cards = "".join(_door(world, lock) for lock in world.locks.where(site_id=site.id))
    body = f"""    <nav class="sites" aria-label="Sites">{links}</nav>
    <p role="status">{escape(said)}</p>
    <p class="hint">{hint}</p>
    <ul class="doors">{cards}</ul>"""
    return page(site.customer_reference, body)


def _current(other: Site, site: Site) -> str:
    return ' aria-current="page"' if other.id == site.id else ""


def _door(world: World, lock: Lock) -> str:
    name, key = escape(lock.customer_reference), lock.id
    pin = _try_form(lock, "pin", f"PIN at {name}", "Type PIN") if lock.has_keypad else ""
    return f"""
      <li>
        <h2>{name}</h2>
        <p><span class="state {lock.bolt}">{_words(world, lock)}</span></p>
        {pin}
        {_try_form(lock, "tag", f"Tag at {name}", "Hold tag")}
        <form method="post" action="/doors">
          <input type="hidden" name="lock_id" value="{key}">
          <button name="act" value="inside" class="quiet">Inside handle</button>
        </form>
      </li>"""


def _try_form(lock: Lock, act: str, label: str, button: str) -> str:
    key = f"{act}-{lock.id}"
    return f"""<form method="post" action="/doors">
          <input type="hidden" name="lock_id" value="{lock.id}">
          <label for="{key}">{label}</label>
          <input id="{key}" name="code" autocomplete="off" required maxlength="20">
          <button name="act" value="{act}">{button}</button>
        </form>"""


def _words(world: World, lock: Lock) -> str:
    iq = world.iqs[lock.iq_id]
    states = [
        {"office_mode": "Office mode"}.get(lock.bolt, lock.bolt.capitalize()),
        "" if lock.reachable else "lock offline",
        "" if iq.reachable else "IQ offline",
        "privacy mode" if lock.privacy_mode else "",
        f"battery {lock.battery_level}" if lock.battery_level != "fresh" else "",
    ]
    return ", ".join(state for state in states if state)
