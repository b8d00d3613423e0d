/* SPDX-License-Identifier: Apache-2.0 */

/* Other heads that servers may read in one.
 *
 * Where lines end and where a head does is told in other ways by some servers
 * than by RFC 9112, and which one is behind the engine cannot be known.  So a
 * head is a request in each way that one of them may read it: with lines that
 * only CRLF ends (Twisted), without the CRs in its first line (busybox) or the
 * white space in its target (Squid), with a target that ends at that (netty,
 * warp, yaws), and from each line on that stands behind one that is no field
 * (HTTP::Daemon), or that leaves its line ending alone to a buffer of 4,096
 * bytes (WEBrick).
 *
 * In: a head.  Out: the same bytes, read again, one way at a time.  Runs in
 * the engine's data threads; owns nothing. */

#include <config.h>

#include "http-to-server.h"

#include "util.h"

/* WEBrick's buffer for a line. */
#define LINE_BUFFER 4096

enum how {
    CRLF_ENDS_LINE,
    CR_IS_NOTHING,
    SPACE_IS_NOTHING,
    TARGET_ENDS,
    FROM_LINE,
};

struct reading {
    enum how how;
    uint32_t start;
};

/* Those of one head. */
struct readings {
    struct reading r[PP_HTTP_READINGS_MAX];
    unsigned int n;             /* May be more. */
};

static void
add(struct readings *all, enum how how, size_t start)
{
    if (all->n < PP_HTTP_READINGS_MAX) {
        all->r[all->n] = (struct reading) { how, (uint32_t) start };
    }
    all->n++;
}

/* Is 'f' no field for some? */
static bool
is_no_field(const struct pp_reader *text, const struct pp_http_field *f)
{
    struct pp_span name = pp_http_raw_name(f);

    return (!f->colon || !name.len
            || pp_http_has_blank(pp_http_bytes(text, name)));
}

/* Does a line of 'n' bytes leave no more than its line ending of 'ending' to
 * the next buffer? */
static bool
leaves_ending(size_t n, uint8_t ending)
{
    return n > LINE_BUFFER && n % LINE_BUFFER
           && n % LINE_BUFFER <= ending;
}

/* See http-to-server.h. */
size_t
pp_http_leaves_ending(const struct pp_reader *text, size_t pos, size_t end)
{
    uint8_t ending;

    for (size_t next; pos < end && end - pos > LINE_BUFFER; pos = next) {
        next = end;
        if (pp_http_line_end(text, pos, &next, &ending)
            && leaves_ending(next - pos, ending)) {
            return next;
        }
    }
    return 0;
}

/* Does a line in the first 'n' bytes end with CRLF? */
static bool
has_crlf(const struct pp_reader *text, uint32_t n)
{
    return pp_http_find_crlf(text, (struct pp_span) { .len = n }) < n;
}

static bool
has_bare_lf(const struct pp_http_head *head)
{
    return (head->line_ending == 1 || head->fields.bare_lf
            || head->fields.ending == 1);
}

static void
find_readings(const struct pp_reader *text, const struct pp_http_head *head,
              struct readings *all)
{
    const struct pp_http_fields *fields = &head->fields;
    size_t pos = fields->start;

    all->n = 0;
    if (has_bare_lf(head) && has_crlf(text, fields->end)) {
        add(all, CRLF_ENDS_LINE, 0);
    }
    if (head->line_cr) {
        add(all, CR_IS_NOTHING, 0);
    }
    if (pp_http_target_has_space(text, head)) {
        if (pp_http_has_byte(text, head->target, ' ')
            || pp_http_has_byte(text, head->target, '\t')) {
            add(all, SPACE_IS_NOTHING, 0);
        }
        add(all, TARGET_ENDS, 0);
    }
    for (uint32_t i = 0; fields->unusual && i < fields->n; i++) {
        if (is_no_field(text, &fields->f[i])) {
            add(all, FROM_LINE, pp_http_span_end(fields->f[i].line));
        }
    }
    while ((pos = pp_http_leaves_ending(text, pos, fields->end)) != 0) {
        add(all, FROM_LINE, pos);
    }
}

/* The head of 'n' bytes, copied as 'how' reads it, with its 'target'; returns
 * its length. */
static uint32_t
copy(const struct pp_reader *text, uint32_t n, enum how how,
     struct pp_span target, uint8_t *to)
{
    uint32_t len = 0;
    bool first = true;          /* In the first line. */

    for (uint32_t i = 0; i < n; i++) {
        int c = pp_reader_peek(text, i);
        bool crlf = c == '\r' && pp_reader_peek(text, i + 1) == '\n';
        bool nothing = how == CR_IS_NOTHING ? first && c == '\r' && !crlf
                       : how == SPACE_IS_NOTHING && (c == ' ' || c == '\t')
                         && i >= target.off && i < pp_http_span_end(target);

        if (how == CRLF_ENDS_LINE && c == '\n'
            && (!len || to[len - 1] != '\r')) {
            c = ' ';
        }
        if (!nothing) {
            to[len++] = (uint8_t) c;
        }
        first = first && c != '\n';
    }
    return len;
}

/* Reads the head of 'n' bytes at hand once more, whose target stood at
 * 'target' as it was found.  False: it is none then. */
static bool
read_again(struct to_call *call, const struct reading *r,
           struct pp_span target, uint32_t n)
{
    struct pp_http_scratch *scratch = call->scratch;
    struct pp_http_head *head = &scratch->msg.head;
    struct pp_reader text = call->text;

    if (r->how == FROM_LINE || r->how == TARGET_ENDS) {
        pp_reader_skip(&text, r->start);
        text = pp_reader_init(pp_reader_bytes(&text, n - r->start),
                              n - r->start);
    } else {
        text = pp_reader_init(scratch->edited,
                              copy(&text, n, r->how, target,
                                   scratch->edited));
    }
    pp_http_msg_init(scratch, call->view, PP_HTTP_E_REQUEST);
    scratch->msg.text = text;
    if (pp_http_head_parse(&text, 0, true, head) != PP_HTTP_FOUND
        || head->one_word) {
        return false;
    }
    if (r->how == TARGET_ENDS) {
        pp_http_target_ends(&text, head);
    }
    return true;
}

/* See http-to-server.h. */
bool
pp_http_content_again(struct to_call *call, uint32_t n)
{
    static const struct reading ways[] = {
        { FROM_LINE, 0 }, { CRLF_ENDS_LINE, 0 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        if (read_again(call, &ways[i], (struct pp_span) { .len = 0 }, n)) {
            call->scratch->msg.reading = true;
            return true;
        }
    }
    return false;
}

/* See http-to-server.h.  Where only CRLF ends a line, a head does not end
 * before two of these; but where there is none, it has no request line yet, or
 * one of too many words. */
bool
pp_http_head_goes_on(const struct pp_reader *text,
                     const struct pp_http_head *head)
{
    uint32_t end = head->fields.end;

    return (!head->fields.truncated && has_bare_lf(head)
            && (head->one_word || has_crlf(text, end))
            && !pp_http_starts(text, pp_http_span(end - MIN(end, 4), end),
                               "\r\n\r\n"));
}

/* See http-to-server.h. */
enum pp_http_found
pp_http_reading(struct to_call *call)
{
    struct pp_http_conn *conn = call->conn;
    struct pp_http_head *head = &call->scratch->msg.head;
    struct pp_span target = head->target;
    uint32_t n = head->fields.end;
    struct readings all;

    find_readings(&call->text, head, &all);
    if (!all.n) {
        return PP_HTTP_MALFORMED;
    } else if (all.n > PP_HTTP_READINGS_MAX) {
        return PP_HTTP_TOO_MANY;
    }
    while (conn->readings < all.n) {
        if (read_again(call, &all.r[conn->readings], target, n)) {
            call->scratch->msg.other = true;
            return PP_HTTP_FOUND;
        }
        conn->readings++;
    }
    /* As it was found. */
    pp_http_msg_init(call->scratch, call->view, PP_HTTP_E_REQUEST);
    pp_http_head_parse(&call->text, 0, call->view->eof, head);
    head->odd = pp_http_head_odd(&call->text, head);
    return PP_HTTP_MALFORMED;
}
