/* SPDX-License-Identifier: Apache-2.0 */

/* Requests that servers may tell apart in other places than we do.
 *
 * RFC 9112 section 11.2 calls it request smuggling: a field or a chunk that
 * only some read has what is content for one be a request for another.  Which
 * reading is the server's cannot be known.  But whatever it is, a request has
 * a version in its first line, or none and a method that is known.  So once a
 * client has sent something odd, its connection is watched: these marks are
 * let through in the first line of what is a request for us, and nowhere else.
 *
 * In: heads and chunk headers, and bytes of a connection that is watched.
 * Out: whether they are odd, and where they have to stop.  Keeps nothing. */

#include <config.h>

#include "pp-http.h"

#include <string.h>

#include "pp-scan.h"
#include "util.h"

/* Is 's' the name 'name' of 'n' bytes, but for the '-' that is byte 'dash' of
 * it? */
static inline bool
name_is_like(const struct pp_reader *text, struct pp_span s, const char *name,
             size_t n, size_t dash)
{
    struct pp_bytes b = pp_http_bytes(text, s);

    return (b.n == n && pp_http_same_word(b.p, name, dash)
            && pp_http_same_word(b.p + dash + 1, name + dash + 1,
                                 n - dash - 1));
}

/* Is the name of 'f' one that says how long the content is, but for such bytes
 * around it, or for another between its words?  In the variables that CGI has
 * (RFC 3875 4.1.18), and servers like it, '-' and '_' are one. */
static bool
name_is_odd(const struct pp_reader *text, const struct pp_http_field *f)
{
    struct pp_span s = pp_http_raw_name(f);
    uint32_t end = pp_http_span_end(s);

    if (s.len < strlen("content-length")) {
        return false;
    }
    while (s.off < end && pp_http_wraps(pp_reader_peek(text, s.off))) {
        s.off++;
    }
    while (end > s.off && pp_http_wraps(pp_reader_peek(text, end - 1))) {
        end--;
    }
    s = pp_http_span(s.off, end);
    if (s.len == f->name_len && (f->id == PP_HTTP_H_CONTENT_LENGTH
                                 || f->id == PP_HTTP_H_TRANSFER_ENCODING)) {
        return false;
    }
    return (name_is_like(text, s, "content-length", 14, 7)
            || name_is_like(text, s, "transfer-encoding", 17, 8));
}

/* Is 'word' anywhere in 's'? */
static bool
has_word(const struct pp_reader *text, struct pp_span s, const char *word)
{
    while (s.len && !pp_http_starts(text, s, word)) {
        s = pp_http_span(s.off + 1, pp_http_span_end(s));
    }
    return s.len > 0;
}

/* Is there a length's name in 'f', which is folded?  For cheroot a line that
 * is folded is a field. */
static bool
fold_is_odd(const struct pp_reader *text, const struct pp_http_field *f)
{
    struct pp_span s = pp_http_span(f->line.off + 1,
                                    pp_http_span_end(f->line));

    return (has_word(text, s, "content-length")
            || has_word(text, s, "transfer-encoding"));
}

/* Is 'f', a Transfer-Encoding, other than "chunked" alone, and yet perhaps
 * that for some? */
static bool
coding_is_odd(const struct pp_reader *text, const struct pp_http_field *f)
{
    struct pp_span s = pp_http_raw_value(f);

    if (!f->folded
        && pp_http_equals(text, pp_http_trim(text, s), "chunked")) {
        return false;
    }
    return has_word(text, s, "chunked");
}

/* Is the line 'f' other than a token and a colon?  For some servers the head
 * ends there.  For Python's parser of mail the fields do: it sees no length in
 * the lines behind. */
static bool
line_is_odd(const struct pp_reader *text, const struct pp_http_field *f)
{
    struct pp_bytes b = pp_http_bytes(text, pp_http_raw_name(f));
    size_t i = (pp_is_usual_name(b.p, b.n, text->end - f->line.off) ? b.n
                : 0);

    for (; i < b.n; i++) {
        if (!pp_is_tchar(b.p[i])) {
            return true;
        }
    }
    return !b.n || !f->colon;
}

/* See pp-http.h.  Both lengths in one head, and a coding in one of HTTP/1.0,
 * are read in either way (RFC 9112 6.1). */
enum pp_http_odd
pp_http_head_odd(const struct pp_reader *text, const struct pp_http_head *head)
{
    const struct pp_http_fields *fields = &head->fields;
    uint32_t lengths = fields->count[PP_HTTP_H_CONTENT_LENGTH];
    uint32_t codings = fields->count[PP_HTTP_H_TRANSFER_ENCODING];
    uint32_t n = lengths || codings || fields->unusual ? fields->n : 0;
    bool odd = (codings > 1 || (lengths && !head->framing.valid)
                || (codings && lengths)
                || (codings
                    && !pp_http_equals(text, head->version, "http/1.1"))
                || (head->form == PP_HTTP_AUTHORITY
                    && head->framing.kind != PP_HTTP_NO_BODY));

    if (!head->version.len && !lengths && !codings) {
        return PP_HTTP_NOT_ODD;     /* Perhaps another protocol. */
    }
    if (((lengths || codings) && (head->line_ending == 1 || fields->bare_lf))
        || fields->may_end || head->line_cr) {
        return PP_HTTP_ODD_LINES;
    }
    /* Whatever else is odd, only such a head has. */
    for (uint32_t i = 0; i < n; i++) {
        const struct pp_http_field *f = &fields->f[i];

        /* For Node.js they end by a CR where a line would start, too. */
        if (line_is_odd(text, f)) {
            return PP_HTTP_ODD_LINES;
        }
        odd |= (name_is_odd(text, f) || (f->folded && fold_is_odd(text, f))
                || (f->id == PP_HTTP_H_CONTENT_LENGTH && f->folded)
                || (f->id == PP_HTTP_H_TRANSFER_ENCODING
                    && coding_is_odd(text, f)));
    }
    return odd ? PP_HTTP_ODD_LENGTH : PP_HTTP_NOT_ODD;
}

/* What requests have in their first line: the beginning of a version, or
 * where there is none (HTTP/0.9), of all.  A space stands for any white space
 * within a line.  Node.js takes two other versions, in capitals, for some
 * methods; it and waitress take other methods than GET without a version. */
static const struct mark {
    const char *text;
    size_t n;                   /* Bytes of it. */
    bool any_case;
} marks[] = {
#define MARK(TEXT, ANY_CASE) { TEXT, sizeof TEXT - 1, ANY_CASE }
    MARK("http/", true), MARK("ICE/", false), MARK("RTSP/", false),
    MARK("GET ", false), MARK("HEAD /", false), MARK("POST /", false),
    MARK("PUT /", false), MARK("PATCH /", false), MARK("DELETE /", false),
    MARK("OPTIONS /", false),
#undef MARK
};
#define MARK_MAX 9
#define N_VERSIONS 3

/* No method is longer, of what content may begin with. */
#define METHOD_MAX 32

/* May a mark start with 'c'? */
static bool
starts_mark(int c)
{
    switch (c) {
    case 'D':
    case 'G':
    case 'H':
    case 'h':
    case 'I':
    case 'O':
    case 'P':
    case 'R':
        return true;
    default:
        return false;
    }
}

/* White space within a line, for some. */
static bool
is_line_space(int c)
{
    return c >= 0 && c != '\r' && c != '\n'
           && (c <= ' ' || c == 0x85 || c == 0xa0);
}

/* True when the bytes at 'pos' are those of 'm' from its byte 'from' on: all,
 * or as many as there are before the text's end. */
static bool
mark_at(const struct pp_reader *text, size_t pos, const struct mark *m,
        size_t from)
{
    for (; m->text[from] && pos < text->end; from++, pos++) {
        int c = pp_reader_peek(text, pos);

        if (m->text[from] == ' ' ? !is_line_space(c)
            : (m->any_case ? pp_http_lower(c) : c) != m->text[from]) {
            return false;
        }
    }
    return true;
}

/* See pp-http.h. */
size_t
pp_http_watch_find(const struct pp_reader *text, size_t pos, size_t end,
                   bool versions)
{
    size_t n = versions ? N_VERSIONS : ARRAY_SIZE(marks);

    for (; pos < end; pos++) {
        for (size_t i = 0; i < n
                           && starts_mark(pp_reader_peek(text, pos)); i++) {
            if (marks[i].n <= end - pos
                && mark_at(text, pos, &marks[i], 0)) {
                return pos;
            }
        }
    }
    return end;
}

/* See pp-http.h. */
size_t
pp_http_watch_pending(const struct pp_reader *text, size_t pos, size_t end)
{
    struct pp_reader r = *text;

    r.end = end;
    for (size_t n = MIN(MARK_MAX - 1, end - pos); n; n--) {
        if (!starts_mark(pp_reader_peek(&r, end - n))) {
            continue;
        }
        for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
            if (n < marks[i].n
                && mark_at(&r, end - n, &marks[i], 0)) {
                return n;
            }
        }
    }
    return 0;
}

/* See pp-http.h. */
bool
pp_http_watch_continues(const struct pp_reader *text, size_t pos, size_t begun)
{
    for (size_t i = 0; begun && i < ARRAY_SIZE(marks); i++) {
        size_t n = marks[i].n;

        if (begun < n && n - begun <= text->end - MIN(pos, text->end)
            && mark_at(text, pos, &marks[i], begun)) {
            return true;
        }
    }
    return false;
}

/* See pp-http.h. */
bool
pp_http_chunk_is_odd(const struct pp_reader *text,
                     const struct pp_http_chunk *chunk)
{
    size_t end = pp_http_span_end(chunk->line);

    /* Some keep a size in 32 bits. */
    return !chunk->valid || chunk->size > INT32_MAX || chunk->ending == 1
           || chunk->before.len
           || pp_http_has_byte(text, chunk->line, '\r')
           || pp_http_watch_find(text, chunk->line.off, end, false) < end;
}

/* The end of the run of bytes of a token from 'pos' on, or of a word. */
static size_t
run_end(const struct pp_reader *text, size_t pos, size_t end, bool token)
{
    int c;

    while (pos < end && (c = pp_reader_peek(text, pos)) > ' '
           && (!token || pp_is_tchar((uint8_t) c))) {
        pos++;
    }
    return pos;
}

/* See pp-http.h. */
bool
pp_http_trailers_are_odd(const struct pp_reader *text, size_t pos, size_t end)
{
    uint8_t ending;

    for (size_t next; pos < end; pos = next) {
        size_t name = run_end(text, pos, end, true);

        next = end;
        if (!pp_http_line_end(text, pos, &next, &ending)) {
            return false;
        }
        if ((name == pos || pp_reader_peek(text, name) != ':')
            && pos + ending < next) {
            return true;
        }
    }
    return false;
}

/* The end of the run of spaces from 'pos' on. */
static size_t
spaces_end(const struct pp_reader *text, size_t pos, size_t end)
{
    while (pos < end && is_line_space(pp_reader_peek(text, pos))) {
        pos++;
    }
    return pos;
}

/* See pp-http.h.  A file of zeros is blanks from its start to its end. */
size_t
pp_http_watch_blanks(const struct pp_reader *text, size_t pos, size_t end)
{
    struct pp_bytes b = pp_reader_slice(text, pos, end - pos);

    return pos + pp_run_upto(b.p, b.n, ' ', 0x85, 0xa0);
}

/* White space, of which is what ends lines. */
static bool
is_white(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* What a first line is with 'c' behind what was 'line'. */
static enum pp_http_line_shape
line_shape(enum pp_http_line_shape line, int c)
{
    bool white = is_white(c);

    switch (line) {
    case SHAPE_BLANK:
    case SHAPE_METHOD:
        return white ? (line ? SHAPE_SPACE : SHAPE_BLANK) : SHAPE_METHOD;
    case SHAPE_SPACE:
        return (white ? SHAPE_SPACE
                : c == '/' || c == 'h' || c == 'H' ? SHAPE_TARGET
                : SHAPE_OTHER);
    case SHAPE_TARGET:
        return (white ? SHAPE_HAS_TARGET
                : c > ' ' && c < 0x7f ? SHAPE_TARGET : SHAPE_OTHER);
    case SHAPE_HAS_TARGET:
    case SHAPE_OTHER:
        break;
    }
    return line;
}

/* See pp-http.h.  HTTP::Daemon, WEBrick and Twisted act on the line alone.
 * waitress has lines end with CRLF, and words with a space alone; it takes no
 * notice of other white space around the first line. */
size_t
pp_http_watch_shape(const struct pp_reader *text, size_t pos, size_t end,
                    struct pp_http_head_shape *s)
{
    for (; pos < end; pos++) {
        int c = pp_reader_peek(text, pos);
        enum pp_http_line_shape line = line_shape(s->line, c);

        if (c == '\n' && line == SHAPE_HAS_TARGET) {
            break;
        } else if (c == '\n' && s->cr) {
            if (s->begun) {
                s->over = s->words > 0;
            } else if (s->words == 2) {
                break;
            } else {
                *s = (struct pp_http_head_shape) { .line = SHAPE_BLANK };
            }
            s->begun = s->cr = false;
            continue;
        }
        s->begun |= s->cr || c != '\r';
        s->bare |= s->words && (s->cr || c == '\n');
        s->cr = c == '\r';
        if (s->over) {
            continue;
        }
        s->line = line;
        if (c == ' ') {
            s->spaced = true;
        } else if (!is_white(c)) {
            if (s->bare) {
                s->words = 3;
            } else if ((s->spaced || !s->words) && s->words < 3) {
                s->words++;
            }
            s->spaced = false;
        }
    }
    return pos;
}

/* What a word is with 'c' behind what was 'part' of a version. */
static enum pp_http_version_part
version_part(enum pp_http_version_part part, int c)
{
    if (c == '/') {
        return PART_SLASH;
    } else if (c == '.') {
        return part == PART_MAJOR ? PART_DOT : PART_NAME;
    } else if (!pp_http_is_digit(c)) {
        return PART_NAME;
    }
    switch (part) {
    case PART_SLASH:
    case PART_MAJOR:
        return PART_MAJOR;
    case PART_DOT:
    case PART_MINOR:
        return PART_MINOR;
    case PART_NONE:
    case PART_NAME:
        break;
    }
    return PART_NAME;
}

/* See pp-http.h.  Netty takes any name for that of a version, and HAProxy does
 * when it is told to accept invalid requests. */
size_t
pp_http_watch_words(const struct pp_reader *text, size_t pos, size_t end,
                    struct pp_http_line_words *w)
{
    for (; pos < end; pos++) {
        int c = pp_reader_peek(text, pos);

        if (c == '\n') {
            if (w->has_target && w->part == PART_MINOR) {
                break;
            }
            *w = (struct pp_http_line_words) { .part = PART_NONE };
        } else if (c == '\r' || is_line_space(c)) {
            w->spaced = true;
        } else if (w->spaced || w->part == PART_NONE) {
            w->has_target = w->target;
            w->target = (w->part != PART_NONE
                         && (c == '/' || c == '?' || c == 'h' || c == 'H'
                             || c >= 0x7f));
            w->part = PART_NAME;
            w->spaced = false;
        } else {
            w->part = version_part(w->part, c);
        }
    }
    return pos;
}

/* Is there such a line from 'pos' to 'end'? */
static bool
has_words(const struct pp_reader *text, size_t pos, size_t end)
{
    struct pp_http_line_words words = { .part = PART_NONE };

    return pp_http_watch_words(text, pos, end, &words) < end;
}

/* See pp-http.h. */
bool
pp_http_watch_has_mark(const struct pp_reader *text, size_t pos, size_t end,
                       bool versions)
{
    return (pp_http_watch_find(text, pos, end, versions) < end
            || has_words(text, pos, end));
}

/* See pp-http.h. */
bool
pp_http_watch_target(const struct pp_reader *text, size_t pos, size_t end)
{
    enum pp_http_line_shape line = SHAPE_BLANK;

    for (; pos < end; pos++) {
        int c = pp_reader_peek(text, pos);

        line = line_shape(line, c);
        if (c == '\n') {
            if (line == SHAPE_HAS_TARGET) {
                return true;
            }
            line = SHAPE_BLANK;
        }
    }
    return false;
}

/* See pp-http.h.  In front of the version that a client can speak there is its
 * length (RFC 7301 3.1).  There are so many random bytes in such a record that
 * the beginning of a line counts for nothing. */
bool
pp_http_watch_hello(const struct pp_reader *text, size_t n)
{
    struct pp_http_head_shape shape = { .line = SHAPE_OTHER };
    size_t pos = 0;

    while ((pos = pp_http_watch_find(text, pos, n, true)) < n) {
        if (!pos || pp_reader_peek(text, pos - 1) != strlen("http/1.1")) {
            return true;
        }
        pos++;
    }
    return (pp_http_watch_shape(text, 0, n, &shape) < n
            || has_words(text, 0, n));
}

/* Is the word from 'pos' to 'end' a version? */
static bool
is_version(const struct pp_reader *text, size_t pos, size_t end)
{
    return (mark_at(text, pos, &marks[0], 0)
            && pp_http_is_digit(pp_reader_peek(text, end - 1)));
}

/* As pp_http_watch_begins(), of no more than a head may be long.  A request
 * line has a method, a target and a version; or a known method and nothing but
 * a target, or a path and one word, or what ends with a version.  All else is
 * prose.  But where the content ends before the line does, that goes on with
 * what is behind, or with nothing: a method and a path, then, are one. */
static enum pp_http_found
line_begins(const struct pp_reader *text, size_t pos, size_t end, bool all)
{
    size_t stop = run_end(text, pos, end, false);
    size_t word = spaces_end(text, stop, end);
    bool known, method, path, version = false;
    int n;

    if (stop - pos > METHOD_MAX || (stop < end && word == stop)) {
        return PP_HTTP_MALFORMED;
    }
    known = (word < end
             && pp_http_watch_find(text, pos, word + 1, false) == pos);
    method = known || run_end(text, pos, end, true) == stop;
    path = pp_reader_peek(text, word) == '/';
    for (n = 1; word < end; n++) {
        int c = pp_reader_peek(text, word);

        stop = run_end(text, word, end, false);
        if (c == '\r' || c == '\n') {
            return (known && (n == 2 || (n == 3 && path) || version)
                    ? PP_HTTP_FOUND : PP_HTTP_MALFORMED);
        }
        version = (stop < end || all) && is_version(text, word, stop);
        if (n == 2 && version) {
            return PP_HTTP_FOUND;
        } else if (n > 1 && !known && !mark_at(text, word, &marks[0], 0)) {
            return PP_HTTP_MALFORMED;
        }
        word = spaces_end(text, stop, end);
    }
    return all && n > 1 && (path ? method : known && n == 2)
           ? PP_HTTP_FOUND : PP_HTTP_MORE;
}

/* See pp-http.h. */
enum pp_http_found
pp_http_watch_begins(const struct pp_reader *text, size_t pos, size_t end,
                     bool all)
{
    bool long_ = end - pos > PP_HTTP_HEAD_MAX;
    struct pp_reader r = *text;
    enum pp_http_found found;

    /* What is behind has no say, whether it has come or not. */
    r.end = long_ ? pos + PP_HTTP_HEAD_MAX : end;
    found = line_begins(&r, pos, r.end, all && !long_);
    return long_ && found == PP_HTTP_MORE ? PP_HTTP_MALFORMED : found;
}

/* Where the field lines start that may hide another request's.  A request line
 * of one word that goes on behind LF alone, with the target and the version,
 * is one for gunicorn (CVE-2024-1135): that is for a patch. */
static size_t
hiding_start(const struct pp_reader *text, const struct pp_http_head *head)
{
    size_t start = head->fields.start, end = head->fields.end;
    size_t word = run_end(text, start, end, false);
    uint8_t ending;

    if (head->one_word && head->line_ending == 1 && word > start
        && mark_at(text, spaces_end(text, word, end), &marks[0], 0)) {
        pp_http_line_end(text, start, &start, &ending);
    }
    return start;
}

/* Is the request line a field for a server for which the head before goes on?
 */
static bool
line_is_field(const struct pp_reader *text, const struct pp_http_head *head)
{
    return (pp_http_has_byte(text, head->method, ':')
            || pp_reader_peek(text, head->target.off) == ':');
}

/* May the request line be the rest of one that began in the content before? */
static bool
line_is_rest(const struct pp_http_conn *conn, const struct pp_reader *text,
             const struct pp_http_head *head)
{
    struct pp_span method = head->method;
    size_t end = pp_http_span_end(head->line);

    if (conn->watched
        ? pp_http_watch_find(text, head->line.off, end, true) == end
        : conn->begins != BEGINS_AND_ENDS) {
        return false;
    }
    return (!head->version.len || !head->target.len || !method.len
            || method.off != head->line.off
            || (run_end(text, method.off, pp_http_span_end(method), true)
                < pp_http_span_end(method)));
}

/* Is the request line the rest of one of another protocol's version that began
 * in the content before? */
static bool
line_ends_words(const struct pp_http_conn *conn, const struct pp_reader *text,
                const struct pp_http_head *head)
{
    struct pp_http_line_words words = conn->words;
    size_t end = head->fields.start;

    return (words.part != PART_NONE && !head->version.len
            && pp_http_watch_words(text, head->line.off, end, &words) < end);
}

/* See pp-http.h. */
bool
pp_http_watch_head(const struct pp_http_conn *conn,
                   const struct pp_reader *text,
                   const struct pp_http_head *head)
{
    size_t start = hiding_start(text, head), end = head->fields.end;
    /* uWSGI takes all that there is before a space for the method. */
    bool goes_on = (!head->version.len
                    || (pp_reader_peek(text, head->method_separator.off)
                        != ' '));

    return (((conn->watched || head->odd == PP_HTTP_ODD_LINES)
             && pp_http_watch_has_mark(text, start, end, false))
            || (goes_on && pp_http_watch_find(text, start, end, true) < end)
            || (conn->goes_on && line_is_field(text, head))
            || line_is_rest(conn, text, head)
            || line_ends_words(conn, text, head));
}
