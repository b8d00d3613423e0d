#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes patches and requests for the benchmark of many patches.

    generate.py FOLDER [COUNT ...]

FOLDER/patches-COUNT gets COUNT patches, of the kinds that fixes of web
applications have; FOLDER/requests some thousands of requests, no two alike,
with the headers that browsers and other clients send.  A fifth of the requests
are for the very applications that have patches, and all of them are good: a
patch whose condition holds for one is a mistake of this program.  The same
arguments make the same files.

A requests file is, for each: its length in decimal, LF, its bytes."""

import os
import random
import sys

SEED = 20240521

VENDORS = """acme alder amber anvil arbor arrow aspen atlas badger basalt beacon
    birch bison blaze bolt brook cactus canyon cedar cinder cliff cloud clover
    comet condor copper coral crane crest cypress dagger delta drift eagle ember
    falcon fern flint forest frost gale garnet glacier granite grove harbor
    hawk hazel heron hollow ibis indigo iris ivory jade jasper juniper kestrel
    lagoon larch lark laurel linden lotus lunar lynx maple marble marsh meadow
    mesa meteor mint mist moss myrtle nebula north oak ocean olive onyx opal
    orbit orchid osprey otter pebble pine plover polar prairie quartz quill
    raven reed ridge river robin rowan ruby saffron sage sequoia shale sierra
    silver slate solar sparrow spruce sterling stone summit swift tango teal
    thistle thorn tiger timber topaz tulip tundra umber valley velvet violet
    walnut wave willow winter wren yarrow zenith zephyr""".split()
THINGS = """access account admin archive asset audit auth backup banner billing
    blog board booking builder cache calendar cart catalog chart chat comment
    config contact content coupon dashboard data design device download editor
    email event export feed file filter form forum gallery gateway guest help
    history image import index inbox invoice job key label language layout
    library link list log mail manager map media member menu message meter
    migrate monitor news notify order page panel password payment photo plugin
    poll portal post preview price print profile project proxy query queue quiz
    quote record redirect remote report reset review role route rule sample
    schedule search security seo session setting setup shop site slider social
    sort stats status stock store stream survey sync table tag task team
    template theme ticket token tool tracker transfer upload user video viewer
    vote widget wizard zone""".split()
PARAMS = """id page file path name user url action type cat sort order lang key
    token q search title dir template theme module view tab date from to limit
    offset format callback redirect next ref style field value size color group
    item post product mode option lid gid pid uid filename target host cmd
    debug step code section category""".split()
HOOKS = "X-Forwarded-Host X-Original-URL X-Rewrite-URL X-Api-Version Range " \
        "If-Range Translate Destination Depth X-HTTP-Method-Override Via " \
        "Forwarded X-Real-IP X-Auth-Token Expect Content-Encoding".split()

REFUSED = "HTTP/1.1 403 Forbidden\\r\\nConnection: close\\r\\n\\r\\n"


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace(
        "\r", "\\r").replace("\n", "\\n") + '"'


class App:
    """An application that has flaws: where it is, and what it calls things."""

    def __init__(self, rng, number):
        self.slug = "%s-%s" % (rng.choice(VENDORS), rng.choice(THINGS))
        self.word = rng.choice(THINGS)
        self.param = rng.choice(PARAMS)
        self.number = number
        self.base = rng.choice((
            "/wp-content/plugins/%s/",
            "/wp-json/%s/v1/",
            "/modules/%s/",
            "/components/com_%s/",
            "/cgi-bin/%s/",
            "/api/v2/%s/",
            "/%s/",
            "/servlet/%s/",
            "/plugins/%s/",
            "/goform/%s/",
        )) % self.slug
        self.script = self.base + rng.choice((
            "%s.php", "ajax-%s.php", "%s.cgi", "%s.jsp", "%s.do", "%s",
            "inc/%s.php", "admin/%s.asp")) % self.word


class Flaw:
    """One patch: a condition, and a request on each side of it."""

    def __init__(self, when, bad, good, each=None, correct=None, event=None,
                 fixed=None):
        self.when = when
        self.bad = bad
        self.good = good
        self.each = each
        self.correct = correct
        self.event = event or "request"
        self.fixed = fixed


def get(target, *headers, method="GET"):
    return "%s %s HTTP/1.1\r\nHost: a.example\r\n%s\r\n" % (
        method, target, "".join(h + "\r\n" for h in headers))


def form(target, body):
    return ("POST %s HTTP/1.1\r\nHost: a.example\r\nContent-Type: "
            "application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s"
            % (target, len(body), body))


def path_equal(rng, a):
    p = rng.choice(PARAMS)
    return Flaw("path == '%s' and any(query.params, name == '%s' and "
                "not is_decimal(value))" % (a.script, p),
                get("%s?%s=1%%20or%%201" % (a.script, p)),
                get("%s?%s=17" % (a.script, p)))


def path_prefix(rng, a):
    return Flaw("path starts_with '%s' and percent_decode(path) contains "
                "'../'" % a.base,
                get(a.base + "a/..%2f..%2fetc/passwd"),
                get(a.base + "a/b.css"))


def path_word(rng, a):
    word = "/%s%d" % (a.word, a.number)
    return Flaw("path contains '%s' and method in ['HEAD', 'OPTIONS']" % word,
                get("/x%s/y" % word, method="HEAD"),
                get("/x%s/y" % word))


def path_end(rng, a):
    end = "/%s-%d.bak" % (a.slug, a.number)
    return Flaw("path ends_with '%s'" % end, get("/old" + end),
                get("/old%s.txt" % end))


def header_class(rng, a):
    name = "X-%s-%s" % (a.slug.title(), a.word.title())
    return Flaw("headers['%s'].value != '' and not only(headers['%s'].value, "
                "'[0-9A-Za-z._-]')" % (name, name),
                get("/", name + ": a;b"), get("/", name + ": a-b"))


def header_word(rng, a):
    name = rng.choice(HOOKS)
    return Flaw("any(headers['%s'], value contains '/%s/')" % (name, a.slug),
                get("/", "%s: x/%s/y" % (name, a.slug)),
                get("/", "%s: x/%s" % (name, a.slug)))


def agent(rng, a):
    word = "%s-%s/%d." % (a.slug, a.word, a.number)
    return Flaw("headers['User-Agent'].value contains '%s'" % word,
                get("/", "User-Agent: Mozilla/5.0 (%s0)" % word),
                get("/", "User-Agent: Mozilla/5.0 (X11)"))


def method_set(rng, a):
    return Flaw("method in ['PUT', 'DELETE', 'PROPFIND', 'MOVE'] and "
                "path starts_with '%s'" % a.base,
                get(a.base + "x", method="DELETE"), get(a.base + "x"))


def query_word(rng, a):
    return Flaw("path starts_with '%s' and lower(form_decode(query)) contains "
                "'union select'" % a.base,
                get(a.base + "x?%s=1+UNION+select+1" % a.param),
                get(a.base + "x?%s=union" % a.param))


def action(rng, a):
    name = "%s_%s" % (a.slug.replace("-", "_"), a.word)
    return Flaw("query.params['action'].value == '%s' and path ends_with "
                "'/admin-ajax.php'" % name,
                get("/wp-admin/admin-ajax.php?action=%s&x=1" % name),
                get("/wp-admin/admin-ajax.php?action=%s_x" % name))


def long_param(rng, a):
    limit = rng.choice((64, 128, 255))
    return Flaw("len(query.params['%s_%s'].value) > %d"
                % (a.word, a.slug, limit),
                get("/x?%s_%s=%s" % (a.word, a.slug, "A" * (limit + 1))),
                get("/x?%s_%s=%s" % (a.word, a.slug, "A" * 20)))


def long_header(rng, a):
    return Flaw("path == '%s' and len(headers['Authorization'].value) > 200"
                % a.script,
                get(a.script, "Authorization: Basic " + "Q" * 200),
                get(a.script, "Authorization: Basic QTpi"))


def cookie(rng, a):
    name = "%s_%s" % (a.slug, a.word)
    return Flaw("any(cookies['%s'], percent_decode(value) contains '..')"
                % name,
                get("/", "Cookie: %s=%%2e%%2e/x" % name),
                get("/", "Cookie: %s=en" % name))


def cookie_gone(rng, a):
    name = "%s-%d" % (a.slug, a.number)
    return Flaw("name == '%s' and not only(value, '[0-9a-f]')" % name,
                get("/", "Cookie: a=b; %s=O:8" % name),
                get("/", "Cookie: a=b; %s=0f8" % name),
                each="cookies", correct="delete",
                fixed=get("/", "Cookie: a=b"))


def param_gone(rng, a):
    name = "%s_%s" % (a.param, a.slug)
    return Flaw("name == '%s' and value starts_with '//'" % name,
                get("/x?a=b&%s=//evil" % name),
                get("/x?a=b&%s=/ok" % name),
                each="query.params", correct="delete",
                fixed=get("/x?a=b"))


def either(rng, a):
    return Flaw("(path == '%s' or path == '%sindex') and query contains "
                "'<script'" % (a.script, a.base),
                get(a.base + "index?q=<script>"),
                get(a.base + "index?q=script"))


def form_field(rng, a):
    return Flaw("path == '%s' and body.params['%s'].value contains '<'"
                % (a.script, a.param),
                form(a.script, "a=b&%s=%%3Cx" % a.param),
                form(a.script, "a=b&%s=x" % a.param), event="body")


# Of each, as many as there are in a row; the first ten are of ten kinds.
KINDS = (path_equal, cookie_gone, query_word, form_field, agent, param_gone,
         path_word, header_class, long_param, cookie, path_prefix, action,
         header_word, method_set, path_end, long_header, either, path_equal,
         path_prefix, query_word, action, path_equal)


def patch_text(name, app, flaw):
    lines = [
        "# SPDX-License-Identifier: Apache-2.0",
        "patch: " + name,
        "title: A flaw of %s in %s" % (app.word, app.slug),
        "vendor: https://%s.example/security/%d" % (app.slug, app.number),
        "affects: [{ product: app/%s, versions: \"< 2.%d\" }]"
        % (app.slug, app.number),
        "severity: 7.5",
        "proxy: http",
        "on: " + flaw.event,
    ]
    if flaw.each:
        lines.append("each: " + flaw.each)
    lines.append("when: " + quoted(flaw.when))
    if flaw.correct:
        lines.append("correct: " + flaw.correct)
        expect = "to-server: " + quoted(flaw.fixed)
    else:
        lines += ["correct:", "  reject:", "    status: 403", "    headers:",
                  "      - Connection: close", "    close: true"]
        expect = "to-client: \"%s\", close: fin" % REFUSED
    lines += [
        "same-as-vendor: >",
        "  The fixed version looks at the same and answers the same.",
        "vectors:",
        "  - exploit: the advisory's",
        "    to-server: " + quoted(flaw.bad),
        "    expect: { %s }" % expect,
        "  - benign: what is usual",
        "    to-server: " + quoted(flaw.good),
    ]
    return "\n".join(lines) + "\n"


def make_patches(count):
    """(name, application, flaw), the same ones first for every count."""
    rng = random.Random(SEED)
    for number in range(count):
        app = App(rng, number)
        kind = KINDS[number % len(KINDS)]
        yield "GEN-%05d" % number, app, kind(rng, app)


AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like "
    "Gecko) Chrome/125.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:126.0) Gecko/20100101 "
    "Firefox/126.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, "
    "like Gecko) Version/17.4.1 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/125.0.0.0 Mobile Safari/537.36",
)


def token(rng, n):
    return "".join(rng.choice("0123456789abcdef") for _ in range(n))


def some_path(rng, apps):
    """A path with its query: the site's own, or one of an application's."""
    if rng.random() < 0.2:
        a = rng.choice(apps)
        return rng.choice((
            "%s?%s=%d" % (a.script, a.param, rng.randrange(9999)),
            "%sassets/css/%s.min.css?ver=%d.%d" % (
                a.base, rng.choice(THINGS), rng.randrange(9),
                rng.randrange(20)),
            "/wp-admin/admin-ajax.php?action=%s&_=%d" % (
                rng.choice(THINGS), rng.randrange(10 ** 9)),
            "%s%s/%d" % (a.base, rng.choice(THINGS), rng.randrange(9999)),
        ))
    section, thing = rng.choice(THINGS), rng.choice(THINGS)
    return rng.choice((
        "/",
        "/%s/%s/%d" % (section, thing, rng.randrange(10 ** 5)),
        "/static/%s/%s.%s.js" % (section, thing, token(rng, 8)),
        "/images/%d/%02d/%s-%s-1024x768.jpg" % (
            rng.randrange(2015, 2025), rng.randrange(1, 13),
            rng.choice(VENDORS), thing),
        "/%s?%s=%d&%s=%s&utm_source=%s" % (
            section, rng.choice(PARAMS), rng.randrange(999),
            rng.choice(PARAMS), rng.choice(VENDORS), rng.choice(THINGS)),
        "/search?q=%s+%s+%s&page=%d" % (
            rng.choice(VENDORS), section, thing, rng.randrange(1, 9)),
        "/api/v1/%ss/%s" % (thing, token(rng, 24)),
        "/products/%s-%s-%s.html" % (rng.choice(VENDORS), section, thing),
    ))


def make_request(rng, apps, number):
    agent_ = rng.choice(AGENTS)
    host = "www.%s-%s.example" % (rng.choice(VENDORS[:9]), THINGS[number % 7])
    method, body = "GET", ""
    headers = ["Host: " + host]
    if rng.random() < 0.12:
        method = "POST"
        body = "&".join("%s=%s" % (rng.choice(PARAMS), token(rng, 9))
                        for _ in range(rng.randrange(2, 9)))
    headers.append("User-Agent: " + agent_)
    headers.append("Accept: " + rng.choice((
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,"
        "image/webp,*/*;q=0.8", "*/*", "application/json, text/plain, */*",
        "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8")))
    headers.append("Accept-Language: " + rng.choice((
        "en-US,en;q=0.9", "de,en-US;q=0.7,en;q=0.3", "en-GB,en;q=0.5",
        "fr-FR,fr;q=0.9,en-US;q=0.8,en;q=0.7")))
    headers.append("Accept-Encoding: gzip, deflate, br")
    if "Chrome" in agent_:
        headers += [
            'sec-ch-ua: "Google Chrome";v="125", "Chromium";v="125", '
            '"Not.A/Brand";v="24"',
            "sec-ch-ua-mobile: ?" + ("1" if "Mobile" in agent_ else "0"),
            'sec-ch-ua-platform: "Windows"']
    if rng.random() < 0.75:
        headers.append("Referer: https://%s%s" % (host, some_path(rng, apps)))
    headers.append("Connection: keep-alive")
    if rng.random() < 0.7:
        headers.append("Cookie: " + "; ".join(
            ["_ga=GA1.1.%d.%d" % (rng.randrange(10 ** 9),
                                  rng.randrange(10 ** 9)),
             "session=" + token(rng, 32)]
            + ["%s=%s" % (rng.choice(THINGS), token(rng, 12))
               for _ in range(rng.randrange(4))]))
    headers += ["Sec-Fetch-Dest: document", "Sec-Fetch-Mode: navigate",
                "Sec-Fetch-Site: same-origin"]
    if rng.random() < 0.3:
        headers.append("If-None-Match: \"%s\"" % token(rng, 16))
    if rng.random() < 0.15:
        headers.append("X-Requested-With: XMLHttpRequest")
    if method == "POST":
        headers += ["Content-Type: application/x-www-form-urlencoded",
                    "Content-Length: %d" % len(body),
                    "Origin: https://" + host]
    return "%s %s HTTP/1.1\r\n%s\r\n\r\n%s" % (
        method, some_path(rng, apps), "\r\n".join(headers), body)


def main():
    folder = sys.argv[1]
    counts = [int(arg) for arg in sys.argv[2:]] or [10, 100, 1000, 10000]
    made = list(make_patches(max(counts)))
    for count in counts:
        where = os.path.join(folder, "patches-%d" % count)
        os.makedirs(where, exist_ok=True)
        for patch in made[:count]:
            with open(os.path.join(where, patch[0] + ".yaml"), "w") as f:
                f.write(patch_text(*patch))
    rng = random.Random(SEED + 1)
    apps = [app for _, app, _ in made]
    with open(os.path.join(folder, "requests"), "w") as f:
        for number in range(4000):
            request = make_request(rng, apps, number)
            f.write("%d\n%s" % (len(request), request))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__.strip())
    main()
