"""What holds for every request and answer: who may ask, and what the browser may do with the answer."""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unrolled.explorer.problems import problem

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
PORT = re.compile(r":[0-9]{1,5}$")

# The page loads itself, its fonts and its data from this server, and draws pictures that it made. A notebook on this
# machine, or one that proxies to this server, may show it in a frame.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self' http://localhost:* http://127.0.0.1:*",
    )
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Those that change nothing and cost little."""


class Guard:
    """Lets requests pass whose Host header names this machine, and puts the security headers on every answer.

    A page of another site can point its own name at 127.0.0.1 and so read a server on it (DNS rebinding); its requests
    still carry that name in Host. Any port is right: SSH forwarding and notebooks change it.

    What is more than reading is for our own page alone: another site's page may send a request here too, though it may
    not read the answer (CSRF). Browsers say where a request comes from, and no page can forge that; what is no browser
    says nothing.

    Args:
        app: what answers.
        hosts: further names to accept, without port, for a proxy that passes on its own name.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = ()) -> None:
        self.app = app
        self.hosts = frozenset(host.lower() for host in (*LOOPBACK_NAMES, *hosts))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        headers = Headers(scope=scope)
        host = ", ".join(headers.getlist("host"))
        answer = self.app if self._is_known(host) else self._refusal(host)
        if answer is self.app and scope["method"] not in SAFE_METHODS and not _is_from_here(headers, host):
            answer = problem(
                403,
                "cross-origin",
                "Another site's page asks for work here; only this server's own page may.",
                "Open the address that the server printed.",
            )
        await answer(scope, receive, send_guarded)

    def _is_known(self, host: str) -> bool:
        return PORT.sub("", host).lower() in self.hosts

    def _refusal(self, host: str) -> ASGIApp:
        names = ", ".join(sorted(self.hosts))
        return problem(
            421,
            "unknown-host",
            f"This server answers to {names}, not to {host[:100]!r}.",
            "Open the address that it printed; for a proxy with a name of its own, give serve() that name in hosts.",
        )


def _is_from_here(headers: Headers, host: str) -> bool:
    """Whether a request comes from a page of this server, or from no page at all.

    Sec-Fetch-Site also holds behind a proxy that writes another Host; older browsers send Origin alone.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2].lower() == host.lower()
