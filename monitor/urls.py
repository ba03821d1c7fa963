"""URLs: which are ours to ask, when two are the same feed, and what of one may be shown."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import quote

import httpx

MAX_LENGTH = 8192
"""Longer URLs are nobody's feed; servers refuse them and logs suffer."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
# What browsers and parsers disagree about: a backslash may or may not end the host.
_AMBIGUOUS = re.compile(r"[\\\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff]")

_NAME = re.compile(r"[A-Za-z0-9._-]{1,254}")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")  # a last label that is one means an address
_ASCII = "".join(map(chr, range(0x80)))


class BadUrl(ValueError):  # noqa: N818 - says what it is, like the failures of alerts.channel
    """This is no URL we would ask; the text says why, for the operator, without secrets."""


Origin = tuple[str, str, int]
"""Scheme, host and port: within one origin an operator's secrets may travel."""


def parsed(url: str) -> httpx.URL:
    """The URL as the transport will ask it: absolute, http or https, with a host, no fragment.

    Raises:
        BadUrl: for any other scheme, for user and password inside the URL, for control
            characters, blanks and backslashes, and for what is no URL at all.
    """
    if len(url) > MAX_LENGTH:
        raise BadUrl(f"the URL is longer than {MAX_LENGTH:,} characters")
    if _AMBIGUOUS.search(url):
        raise BadUrl("the URL holds a blank, a backslash or a control character")
    try:
        found = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise BadUrl("this is not a URL") from error
    _require_askable(found)
    return found.copy_with(fragment=None) if found.fragment or "#" in url else found


def joined(base: httpx.URL, location: bytes) -> httpx.URL:
    """Where a Location header leads from ``base``; blanks and other encodings are quoted.

    Raises:
        BadUrl: as `parsed`.
    """
    try:
        text = location.strip(b" \t").decode("utf-8")
    except UnicodeDecodeError:
        text = quote(location.strip(b" \t"), safe=_ASCII)
    text = text.replace(" ", "%20")
    if _AMBIGUOUS.search(text):
        raise BadUrl("the URL holds a backslash or a control character")
    try:
        return parsed(str(base.join(text)))
    except (httpx.InvalidURL, ValueError) as error:
        raise error if isinstance(error, BadUrl) else BadUrl("this is not a URL") from error


def _require_askable(url: httpx.URL) -> None:
    if url.scheme not in _DEFAULT_PORTS:
        raise BadUrl(f"the URL begins with {url.scheme or 'no scheme'}, not with http or https")
    if url.userinfo:
        raise BadUrl("the URL holds a user or password; these belong under auth:")
    if url.port is not None and not 0 < url.port < 65536:
        raise BadUrl(f"the URL names port {url.port}, which does not exist")
    _require_plain_host(url.raw_host.decode("ascii"))


def _require_plain_host(host: str) -> None:
    """A name or an address in its usual form: other spellings mean different things to
    different programs (E3)."""
    if not host.strip("."):
        raise BadUrl("the URL names no host")
    last = host.rstrip(".").rpartition(".")[2]
    is_name = _NAME.fullmatch(host) and not _NUMBER.fullmatch(last)
    if not is_name and not _is_address(host):
        raise BadUrl(f"{host[:80]} is neither a host name nor an address in its usual form")


def _is_address(host: str) -> bool:
    """Whether this is an address, without a zone: a zone means something on one machine only."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def origin(url: httpx.URL) -> Origin:
    """Scheme, host and port, the port also where the URL leaves it out."""
    return url.scheme, url.host, url.port or _DEFAULT_PORTS[url.scheme]


def host_of(url: str) -> str:
    """The host's name whatever the port, in lower case, as DNS spells it, without a last dot.

    Raises:
        BadUrl: as `parsed`.
    """
    return host_in(parsed(url))


def host_in(url: httpx.URL) -> str:
    """The same of a URL that was read already."""
    return url.raw_host.decode("ascii").lower().rstrip(".")


def normalised(url: str) -> str:
    """The identity of a configured feed: equal for spellings that no server can tell apart.

    Scheme and host in lower case, the host as DNS spells it, no default port, no fragment, no
    empty query, ``/`` for an empty path, percent-encoded where it must be. Paths and queries
    otherwise stay: a server may tell them apart.

    Raises:
        BadUrl: as `parsed`.
    """
    found = parsed(url)
    host = host_in(found)
    port = f":{found.port}" if found.port not in {None, _DEFAULT_PORTS[found.scheme]} else ""
    path = found.raw_path.decode("ascii")
    path = path if found.query else path.removesuffix("?")
    return f"{found.scheme}://{f'[{host}]' if ':' in host else host}{port}{path}"


def redacted(url: str) -> str:
    """The URL for logs and messages: without user, password, query, fragment and path tokens.

    What is left shows host and path, ``…`` where something was hidden; never raises, whatever
    the text is, and gives one line.
    """
    scheme, separator, rest = url[:MAX_LENGTH].partition("://")
    if not separator or not scheme.isalnum():
        return "…"
    rest, hidden = _cut_query(rest)
    authority, slash, path = rest.replace("\\", "/").partition("/")
    shown = "/".join(_shown(part) for part in path.split("/"))
    host = authority.rpartition("@")[2]
    return _one_line(f"{scheme}://{host}{slash}{shown}{hidden}")


def _cut_query(rest: str) -> tuple[str, str]:
    before = re.split(r"[?#]", rest, maxsplit=1)
    return before[0], "?…" if len(before) > 1 and before[1] else ""


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() and c != " " else "…" for c in text)


_TOKEN_LENGTH = 16
_WORDS = re.compile(r"[A-Za-z]{1,24}|[0-9]{1,8}")


def _shown(segment: str) -> str:
    """A path segment, or ``…`` when it looks like a secret rather than like words.

    Chat services put their secrets into the path: ``/services/T0/B0/x8Ky…``, ``/bot123:AA…/``.
    Words, dates and numbers joined by hyphens are an article's or a feed's name.
    """
    stem = segment.rpartition(".")[0] or segment
    if len(stem) < _TOKEN_LENGTH:
        return segment
    if all(_WORDS.fullmatch(part) and _is_word(part) for part in re.split(r"[-_.+,]", stem)):
        return segment
    return "…" if re.fullmatch(r"[\w:=~.+%-]+", stem, re.ASCII) else segment


def _is_word(part: str) -> bool:
    return part.isdigit() or part.islower() or part.isupper() or part.istitle()
