"""How the pages outside the application look: one card, light or dark as the system is."""

from __future__ import annotations

from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from datagen.api.headers import host_name

_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E"
    "%3Crect width='32' height='32' rx='7' fill='%230f766e'/%3E"
    "%3Cpath d='M9 8h6a8 8 0 0 1 0 16H9z' fill='none' stroke='white' stroke-width='3'/%3E"
    "%3C/svg%3E"
)

_STYLE = """
:root{color-scheme:light dark;--page:#f5f7f9;--card:#fff;--text:#14181f;--quiet:#5b6573;
--line:#dfe3e8;--accent:#0f766e;--hover:#115e59;--on:#fff;--bad:#b42318;--badbg:#fef3f2;
--notebg:#f0fdfa}
@media (prefers-color-scheme:dark){:root{--page:#0f1419;--card:#171d24;--text:#e6eaef;
--quiet:#9aa5b1;--line:#2a333d;--accent:#2dd4bf;--hover:#5eead4;--on:#06201d;--bad:#fda29b;
--badbg:#2a1715;--notebg:#0f2624}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:24px;
background:var(--page);color:var(--text);
font:15px/1.5 Inter,system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{width:100%;max-width:380px;padding:32px;background:var(--card);
border:1px solid var(--line);border-radius:12px}
h1{margin:0 0 6px;font-size:22px;font-weight:650;letter-spacing:-.01em;line-height:1.3}
p{margin:0 0 12px}ul{margin:0 0 12px;padding-left:20px}li{margin-bottom:10px}
a{color:var(--accent)}code{font:13px ui-monospace,Menlo,Consolas,monospace;
overflow-wrap:anywhere}
.sub{color:var(--quiet);margin:0 0 22px}
label{display:block;margin:0 0 6px;font-weight:600}
input:not([type=hidden]){width:100%;height:44px;margin:0 0 18px;padding:0 12px;font:inherit;
color:inherit;background:var(--card);border:1px solid var(--line);border-radius:8px}
input:focus-visible,button:focus-visible,a:focus-visible{outline:2px solid var(--accent);
outline-offset:1px}
button{width:100%;height:42px;margin-top:4px;border:0;border-radius:8px;cursor:pointer;
background:var(--accent);color:var(--on);font:inherit;font-weight:600}
button:hover{background:var(--hover)}
.second button{background:none;border:1px solid var(--line);color:var(--accent)}
.foot{margin:18px 0 0;text-align:center;color:var(--quiet)}
.hint,.amiss{font-size:13px;margin:-12px 0 18px}.hint{color:var(--quiet)}
.amiss{color:var(--bad)}
.note,.problem{padding:10px 12px;border-radius:8px;margin-bottom:18px}
.note{background:var(--notebg)}.problem{background:var(--badbg);color:var(--bad)}
"""

_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width,initial-scale=1">'
    '<meta name="robots" content="noindex"><title>{title} · DataGen</title>'
    f'<link rel="icon" href="{_ICON}"><style>'
    + _STYLE.replace("{", "{{").replace("}", "}}")
    + "</style></head><body><main><h1>{heading}</h1>{body}</main></body></html>"
)  # a format text: title, heading, body


def card(title: str, body: str, *, status: int = 200, heading: str | None = None) -> Response:
    """A page of one card. ``body`` is HTML; the titles are text."""
    text = _PAGE.format(title=escape(title), heading=escape(heading or title), body=body)
    return HTMLResponse(text, status, headers={"Content-Security-Policy": _CSP})


def slot(*, note: str = "", problem: str = "") -> str:
    """The place above a form where it says what happened."""
    if problem:
        return f'<p class="problem" role="alert">{escape(problem)}</p>'
    return f'<p class="note" role="status">{escape(note)}</p>' if note else ""


def field(
    name: str, label: str, attributes: str, *, value: str = "", hint: str = "", wrong: str = ""
) -> str:
    """One input and what is to be said of it. ``attributes`` is HTML, the rest is text."""
    said = f'<p class="amiss" id="{name}-said">{escape(wrong)}</p>' if wrong else \
        f'<p class="hint" id="{name}-said">{escape(hint)}</p>' if hint else ""
    about = f' aria-describedby="{name}-said"' if said else ""
    shown = f' value="{escape(value)}"' if value else ""
    return (f'<label for="{name}">{escape(label)}</label>'
            f'<input id="{name}" name="{name}"{shown}{about} {attributes}>{said}')


def needs_https(request: Request, port: int) -> Response:
    """Why signing in can't work here, and the two ways that do."""
    host = host_name(request.headers.get("host", "")) or "this-machine"
    text = (
        "<p>This page came over plain HTTP from another machine. Your password would "
        "travel unprotected, and your browser would not keep the session. Either</p><ul>"
        "<li>open DataGen over <b>HTTPS</b>, through a proxy that is named in "
        "<code>DATAGEN_TRUSTED_PROXIES</code>, or</li>"
        f"<li>make an SSH tunnel<br><code>ssh -L {port}:127.0.0.1:{port} "
        f"{escape(host)}</code><br>and open "
        f'<a href="http://127.0.0.1:{port}">http://127.0.0.1:{port}</a>.</li></ul>'
    )
    if request.client and "x-forwarded-proto" in request.headers:
        text += (
            f"<p>A proxy at <code>{escape(request.client.host)}</code> passed this request "
            "on. If it is yours and serves HTTPS, add this address to "
            "<code>DATAGEN_TRUSTED_PROXIES</code> and start DataGen again.</p>"
        )
    return card("Signing in needs HTTPS", text, status=400)
