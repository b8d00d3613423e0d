/* SPDX-License-Identifier: Apache-2.0 */

/* A patch file with everything but its contents; see pp-template.h.
 *
 * In: a proxy and an id.  Out: the text of a file.  Runs in the author's tool;
 * owns nothing. */

#include <config.h>

#include "tool/pp-template.h"

#include <string.h>

#include "pp-proxy.h"
#include "util.h"

#define WIDTH 79

static const char head[] =
"# Fill in what is missing, and take out what is not needed;\n"
"# \"patchpoint-patch check %s.yaml\" says what is left to be done.  The\n"
"# language is in ovs-patchpoint-patch(5), what %s has to offer below and\n"
"# in ovs-patchpoint-%s(7).\n"
"patch: %s\n"
"# What it is about, in one line.\n"
"title:\n"
"# The fix that it mirrors: a URL or a citation.\n"
"vendor:\n"
"# Products, one word each such as npm/st, and the versions without the fix.\n"
"affects:\n"
"  - product:\n"
"    versions:\n"
"    # Its name on the wire (\"220 mx ESMTP Exim 4.94\"), or names of those\n"
"    # that show where it is used and does not itself.\n"
"    # banner:\n"
"    # behind:\n"
"# The CVSS score, 0.0 to 10.0.\n"
"severity:\n"
"proxy: %s\n"
"\n"
"# What it looks at:\n";

static const char body[] =
"on: %s\n"
"# A list: the condition is then tried on every element of it.\n"
"# each:\n"
"# Names for expressions, which 'when' and 'correct' may name.\n"
"# let:\n"
"#   name:\n"
"# What a policy may set for each VM, by name.\n"
"# parameters:\n"
"#   name: { type: int, default: 1, min: 0, max: 9, about: TEXT }\n"
"# What is kept of a connection, by name: int or flag.\n"
"# state:\n"
"#   name: int\n"
"# The condition.\n"
"when:\n"
"# The correction, one of (FIELD: an editable one)\n"
"#   reject STATUS\n"
"#   { reject: { status: N, reason: TEXT, headers: [{ NAME: TEXT }],\n"
"#               body: TEXT, close: fin } }      (or reset)\n"
"#   { reject: { raw: TEXT, close: true } }\n"
"#   close\n"
"#   { close: reset }\n"
"#   drop\n"
"#   delete                            (the element, with 'each')\n"
"#   { delete: FIELD }\n"
"#   { replace: FIELD, with: EXPRESSION }\n"
"#   { truncate: FIELD, to: EXPRESSION }\n"
"#   { clamp: FIELD, min: EXPRESSION, max: EXPRESSION }\n"
"#   { insert: EXPRESSION, before: FIELD }\n"
"#   { insert: EXPRESSION, after: FIELD, once: true }\n"
"correct:\n"
"# Or, in place of a correction, new values of what is kept:\n"
"# set:\n"
"#   name: EXPRESSION\n"
"# Why this is the vendor's own correction.\n"
"same-as-vendor:\n"
"# Where the fix answers in several ways, in place of 'on', 'each', 'when'\n"
"# and 'correct':\n"
"# rules:\n"
"#   - on:\n"
"#     each:\n"
"#     when:\n"
"#     correct:\n"
"#     same-as-vendor:\n"
"\n"
"# Exploits come out as is expected, and unchanged without the patch; what\n"
"# is benign comes out unchanged.  What is not expected does not come.\n"
"vectors:\n"
"  - exploit:\n"
"    to-server:\n"
"    expect:\n"
"      to-client:\n"
"      to-server:\n"
"      # fin, reset or none.\n"
"      close:\n"
"  - benign:\n"
"    to-server:\n"
"# A conversation, in place of 'to-server' and 'expect':\n"
"#   steps:\n"
"#     - client: \"...\\r\\n\"\n"
"#     - server: \"...\\r\\n\"\n"
"#     - expect: { to-client: \"...\", to-server: \"...\" }\n"
"#     - end: client                   (or server: its FIN)\n"
"# Who they are, where that matters; bytes that are no text:\n"
"#   addresses: { client: 192.0.2.1, server: 192.0.2.2 }\n"
"#   to-server: !bytes \"\\x00\\xff\"\n";

/* Writes 'doc' in comments behind what stands in 'column' columns already,
 * indented by 'indent'. */
static void
put_doc(FILE *stream, size_t column, size_t indent, const char *doc)
{
    while (*doc) {
        size_t n = strcspn(doc, " ");

        if (column + 1 + n > WIDTH) {
            fprintf(stream, "\n#%*s", (int) indent - 1, "");
            column = indent;
        }
        fprintf(stream, " %.*s", (int) n, doc);
        column += 1 + n;
        doc += n;
        doc += strspn(doc, " ");
    }
    putc('\n', stream);
}

static void
put_events(FILE *stream, const struct pp_proxy *proxy)
{
    for (size_t i = 0; proxy->events[i].name; i++) {
        if (proxy->events[i].dir == PP_TO_SERVER) {
            int n = fprintf(stream, "#   %-12s", proxy->events[i].name);

            put_doc(stream, (size_t) n, 16, proxy->events[i].doc);
        }
    }
}

/* The events of the client's side, one bit each. */
static uint32_t
client_events(const struct pp_proxy *proxy)
{
    uint32_t events = 0;

    for (size_t i = 0; proxy->events[i].name; i++) {
        if (proxy->events[i].dir == PP_TO_SERVER) {
            events |= UINT32_C(1) << i;
        }
    }
    return events;
}

/* The events of which a field is, if that is not all of 'all'. */
static void
put_field_events(FILE *stream, const struct pp_proxy *proxy, uint32_t events,
                 uint32_t all)
{
    const char *separator = "  Of ";

    for (size_t i = 0; events != all && proxy->events[i].name; i++) {
        if (events & UINT32_C(1) << i) {
            fprintf(stream, "%s%s", separator, proxy->events[i].name);
            separator = ", ";
        }
    }
}

static void
put_field(FILE *stream, const struct pp_field *field, size_t indent)
{
    static const char *const types[] = {
        [PP_TYPE_BOOL] = "condition", [PP_TYPE_INT] = "integer",
        [PP_TYPE_BYTES] = "bytes", [PP_TYPE_LIST] = "list",
    };

    fprintf(stream, "#%*s%s: %s%s", (int) indent - 1, "", field->name,
            types[field->type], field->editable ? ", editable" : "");
    if (field->key) {
        fprintf(stream, ", by [%s]", field->key);
    }
}

static void
put_field_doc(FILE *stream, const struct pp_field *field, size_t indent)
{
    if (field->doc) {
        fprintf(stream, "\n#%*s", (int) indent - 2, "");
        put_doc(stream, indent - 1, indent - 1, field->doc);
    } else {
        putc('\n', stream);
    }
}

static void
put_fields(FILE *stream, const struct pp_proxy *proxy)
{
    uint32_t all = client_events(proxy);

    for (size_t i = 0; proxy->fields[i].name; i++) {
        const struct pp_field *field = &proxy->fields[i];
        uint32_t events = field->events & all;

        if (!events) {
            continue;           /* Of the server's side: no patch's. */
        }
        put_field(stream, field, 4);
        put_field_events(stream, proxy, events, all);
        put_field_doc(stream, field, 8);
        for (const struct pp_field *elem = field->elem; elem && elem->name;
             elem++) {
            put_field(stream, elem, 8);
            put_field_doc(stream, elem, 12);
        }
    }
}

/* The first event that a patch can look at. */
static const char *
first_event(const struct pp_proxy *proxy)
{
    size_t i = 0;

    while (proxy->events[i].dir != PP_TO_SERVER) {
        i++;
    }
    return proxy->events[i].name;
}

void
pp_template_write(FILE *stream, const struct pp_proxy *proxy, const char *id)
{
    fprintf(stream, head, id, proxy->title, proxy->name, id, proxy->name);
    put_events(stream, proxy);
    fprintf(stream, body, first_event(proxy));
    fprintf(stream, "\n# Fields of %s; under a list, those of its "
            "elements:\n", proxy->title);
    put_fields(stream, proxy);
}
