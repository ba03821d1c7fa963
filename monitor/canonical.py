"""What an article's link and title are, apart from what does not make another article: pure.

A canonical link is host, path and query without what says how a reader came: scheme, ``www.``,
default ports, a last slash, tracking parameters, session ids, the spelling of percent signs. Two
links with one canonical link lead to one article; a link that leads to a whole site has none.

Chose to keep what is not known to be noise, instead of keeping only what is known to matter: a
parameter kept in vain costs a repeated alert, one dropped in vain loses an article. So ``id``,
``p``, ``page`` and all other parameters stay; a name that tracks on one site and selects on
another (``ref``, ``source``, ``mod``, ``sid``) goes only where its value says so; and a fragment
stays unless it tracks, because pages of release notes and live blogs tell entries by it alone.
"""

from __future__ import annotations

import re
from hashlib import sha256
from urllib.parse import SplitResult, parse_qs, urlsplit

_LONGEST = 200

# fmt: off
_TRACKING = frozenset({
    # click counters: Google, Facebook, Microsoft, Yandex, X, TikTok, LinkedIn, Instagram
    "fbclid", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "srsltid", "_ga", "_gl", "msclkid",
    "yclid", "ysclid", "_openstat", "twclid", "ttclid", "li_fat_id", "igshid", "igsh",
    # mailing lists: Mailchimp, HubSpot, Marketo, Vero, Omeda
    "mc_cid", "mc_eid", "_hsenc", "_hsmi", "mkt_tok", "vero_id", "vero_conv", "oly_enc_id",
    "oly_anon_id",
    # publishers: AT Internet, Adobe, Daily Mail, New York Times, MSN, Deutsche Welle, Al Jazeera
    "xtor", "cmpid", "icid", "ito", "smid", "ocid", "maca", "traffic_source",
})
_TRACKING_PREFIXES = ("utm_", "at_", "ns_", "pk_", "mtm_", "matomo_", "piwik_", "hsa_", "__hs")
_SESSION = frozenset({"jsessionid", "phpsessid", "cfid", "cftoken", "oscsid", "zenid"})

# Of these the value decides: where somebody came from, or a token that no article is called by.
_FROM = frozenset({
    "ref", "source", "src", "from", "via", "feed", "partner", "mod", "emc", "cid", "origin",
    "medium", "campaign", "feedtype", "feedname",
})
_SESSION_TOKENS = frozenset({"sid", "s", "session", "session_id", "sessionid"})
# fmt: on
_PLACES = re.compile(
    r"(?:www\.)?(?:rss|feeds?|atom|xml|newsletters?|e?mail|twitter|facebook|fb|telegram|linkedin"
    r"|whatsapp|reddit|social|share|sharing|homepage|home|google|googlenews|flipboard|feedburner"
    r"|feedly|app|push)(?:$|[-_.:/|,0-9+ ])",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[0-9a-fA-F]{26,64}")
_CLOCK = re.compile(r"1[0-9]{9}(?:[0-9]{3})?")

_PATH_SESSION = re.compile(r";(?:jsessionid|phpsessid|sid)=[^/;]*", re.IGNORECASE)
_INDEX = re.compile(r"(?:/+index\.(?:html?|php))+/*$", re.IGNORECASE)
_AMP = re.compile(r"(/[^/]*[0-9-][^/]*)(?:/+amp)+$")
_ENDS = ("/amp", ".html", ".htm", ".php", ".HTML", ".HTM", ".PHP")
_HOME = re.compile(r"(?:/[a-z]{2}(?:-[a-z]{2})?)?", re.IGNORECASE)
_NOISE_FRAGMENT = re.compile(
    r"(?:[0-9]{1,2}|rss|feed|comments?|respond|top|main|content|:~:.*)", re.IGNORECASE | re.DOTALL
)
_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_GATES = {"google.com/url": ("url", "q"), "bing.com/news/apiclick.aspx": ("url",)}
"""Counters that a link goes through, and the parameter that holds where it leads."""
_GATE_HOSTS = frozenset(gate.partition("/")[0] for gate in _GATES)
_DOORS = frozenset({"www", "m", "mobile", "amp"})


def canonical_link(url: str) -> str:
    """What the link leads to, as ``host/path?query``; empty where that is no single article.

    ``url`` is absolute http or https, anything else gives nothing. What is longer than 200
    characters is written as ``#`` and its SHA-256. A canonical link read as a link (with a scheme
    before it) is its own.
    """
    parts, host = _split(url)
    for _ in range(3):
        inner = _through(parts, host) if host in _GATE_HOSTS else ""
        if not inner:
            break
        parts, host = _split(inner)
    if not host:
        return ""
    path, query, fragment = _path(parts.path), _query(parts.query), _fragment(parts.fragment)
    if not query and not fragment and _HOME.fullmatch(path):
        return ""
    whole = host + path + (f"?{query}" if query else "") + fragment
    return whole if len(whole) <= _LONGEST else f"#{sha256(whole.encode()).hexdigest()}"


def _split(url: str) -> tuple[SplitResult, str]:
    """The parts of a link, and its host as `_host` names it; no host where it is no link."""
    try:
        parts = urlsplit(url)
        name, port = parts.hostname, parts.port
    except ValueError:  # of brackets and ports that are none
        return urlsplit(""), ""
    if parts.scheme not in ("http", "https") or not name or port == 0:
        return parts, ""
    return parts, _host(name, port)


def _through(parts: SplitResult, host: str) -> str:
    """Where a known counter leads; empty for all other links."""
    for name in _GATES.get(host + parts.path.casefold(), ()):
        for value in parse_qs(parts.query, max_num_fields=100).get(name, ()):
            if value.startswith(("http://", "https://")):
                return value
    return ""


def _host(name: str, port: int | None) -> str:
    """Without ``www.`` and its like, where what is left is still a host of its own."""
    host = name.rstrip(".")
    label, _, rest = host.partition(".")
    if label in _DOORS and "." in rest and not rest.replace(".", "").isdigit():
        host = rest
    if ":" in host:
        host = f"[{host}]"
    return host if port in (None, 80, 443) else f"{host}:{port}"


def _path(path: str) -> str:
    path = _spelt(path)
    if ";" in path:
        path = _PATH_SESSION.sub("", path)
    path = path.rstrip("/")
    if path.endswith(_ENDS):
        path = _AMP.sub(r"\1", _INDEX.sub("", path).rstrip("/"))
    return path


def _query(query: str) -> str:
    """The parameters that are not noise, in an order of their own."""
    if not query:
        return ""
    kept = []
    for part in query.split("&"):
        name, _, value = _spelt(part.replace("+", "%20")).partition("=")
        if name and not _tracks(name.lower(), value):
            kept.append(f"{name}={value}" if value else name)
    return "&".join(sorted(kept))


def _tracks(name: str, value: str) -> bool:
    """Whether a parameter says who reads, or how they came, and nothing of what is read."""
    if name in _TRACKING or name in _SESSION or name.startswith(_TRACKING_PREFIXES):
        return True
    if name in _FROM:
        return not value or _PLACES.match(value) is not None
    if name in _SESSION_TOKENS:
        return _TOKEN.fullmatch(value) is not None
    if name == "amp":
        return value in ("", "1", "true")
    return name == "_" and _CLOCK.fullmatch(value) is not None


def _fragment(fragment: str) -> str:
    if not fragment or _NOISE_FRAGMENT.fullmatch(fragment):
        return ""
    names = [part.partition("=") for part in fragment.split("&")]
    if all(equals and _tracks(name.lower(), value) for name, equals, value in names):
        return ""
    return f"#{_spelt(fragment)}"


def _spelt(text: str) -> str:
    """With percent signs where they must be and as RFC 3986 (6.2.2) writes them."""
    if text.isascii() and text.isprintable() and "%" not in text and " " not in text:
        return text
    raw = text.encode("utf-8", "surrogatepass")
    out = bytearray()
    at = 0
    while at < len(raw):
        byte, coded = raw[at], False
        if byte == 0x25 and (code := _hex(raw[at + 1 : at + 3])) is not None:
            byte, coded = code, True
            at += 2
        plain = byte in _SAFE if coded else 0x20 < byte < 0x7F and byte != 0x25
        out += bytes([byte]) if plain else b"%%%02X" % byte
        at += 1
    return out.decode("ascii")


def _hex(digits: bytes) -> int | None:
    try:
        return int(digits, 16) if len(digits) == 2 and digits.isalnum() else None
    except ValueError:
        return None


def title_key(title: str) -> str:
    """The letters and digits of a title, whatever their case and what stands between them.

    Empty where there are none; of a title of more than 200, ``#`` and their SHA-256.
    """
    letters = "".join(filter(str.isalnum, title.casefold()))
    if len(letters) <= _LONGEST:
        return letters
    return f"#{sha256(letters.encode('utf-8', 'surrogatepass')).hexdigest()}"


def site_of(host: str) -> str:
    """The part of a host's name that all hosts of one owner share, as well as a name can tell.

    The last two labels, or three under a short second level such as ``co.uk`` and ``com.au``.
    """
    labels = host.lower().rstrip(".").split(".")
    if len(labels) < 3 or labels[-1].isdigit() or ":" in host:
        return host.lower().rstrip(".")
    short = len(labels[-1]) == 2 and len(labels[-2]) <= 3
    return ".".join(labels[-3 if short else -2 :])
