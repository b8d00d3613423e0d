/* SPDX-License-Identifier: Apache-2.0 */

/* Heads: lines, field lines, the request line, and the framing they ask for.
 *
 * In: a text and a position in it.  Out: spans of the text.  Reads as lenient
 * servers do (see enum pp_http_leniency) and records what it saw; decides
 * nothing.  Runs in the engine's data threads; owns nothing. */

#include <config.h>

#include "pp-http.h"

#include <string.h>

#include "pp-scan.h"
#include "util.h"

/* Lines. */

/* The length of the ending of 'line', whose last byte is LF.  A CR that stands
 * alone ends no line here, although some servers think so: it is a fact for
 * the patches (field 'bare_cr'). */
static uint8_t
line_ending(struct pp_bytes line)
{
    return line.n > 1 && line.p[line.n - 2] == '\r' ? 2 : 1;
}

/* A reader of 'text' from 'pos' on; of nothing where that is behind it. */
static struct pp_reader
read_from(const struct pp_reader *text, size_t pos)
{
    struct pp_reader r = *text;

    r.pos = pos < r.end ? pos : r.end;
    return r;
}

/* Finds the end of the line at 'pos': offset behind its ending, and the
 * length of that. */
bool
pp_http_line_end(const struct pp_reader *text, size_t pos, size_t *end,
                 uint8_t *ending)
{
    struct pp_reader r = read_from(text, pos);
    struct pp_bytes line = pp_reader_until(&r, '\n');

    if (!line.n) {
        return false;
    }
    *end = r.pos;
    *ending = line_ending(line);
    return true;
}

/* Looks for the empty line that ends the head at 'pos', from where the last
 * look ended: '*line' is the start of the line that byte '*scan' is in, both
 * from 'pos'.  Keeps both, so that a head that comes a byte at a time is
 * looked at once.  Returns its end, or 0 when that has not come. */
size_t
pp_http_head_end(const struct pp_reader *text, size_t pos, bool eof,
                 uint32_t *scan, uint32_t *line)
{
    size_t end;
    uint8_t ending;

    while (pp_http_line_end(text, pos + *scan, &end, &ending)) {
        size_t len = end - pos - *line;

        /* The CR may have come in an earlier look. */
        if (len == 1
            || (len == 2 && pp_reader_peek(text, pos + *line) == '\r')) {
            return end;
        }
        *scan = *line = (uint32_t) (end - pos);
    }
    *scan = (uint32_t) (text->end - pos);
    return eof && text->end > pos ? text->end : 0;
}

/* Field lines. */

/* The names that the proxy itself looks for, by their length, of which there
 * is one each: most names are told apart by that and their first letter. */
#define KNOWN_NAME_MAX 17
static const char known_first[KNOWN_NAME_MAX + 1] = {
    [4] = 'h', [6] = 'c', [7] = 'u', [10] = 'c', [12] = 'c', [14] = 'c',
    [17] = 't',
};
static const struct {
    enum pp_http_id id;
    const char *name;
} known_names[KNOWN_NAME_MAX + 1] = {
    [4] = { PP_HTTP_H_HOST, "host" },
    [6] = { PP_HTTP_H_COOKIE, "cookie" },
    [7] = { PP_HTTP_H_UPGRADE, "upgrade" },
    [10] = { PP_HTTP_H_CONNECTION, "connection" },
    [12] = { PP_HTTP_H_CONTENT_TYPE, "content-type" },
    [14] = { PP_HTTP_H_CONTENT_LENGTH, "content-length" },
    [17] = { PP_HTTP_H_TRANSFER_ENCODING, "transfer-encoding" },
};

/* The name of 'f' as sent: what is before the colon, or all. */
struct pp_span
pp_http_raw_name(const struct pp_http_field *f)
{
    return (struct pp_span) { .off = f->line.off, .len = f->name_len };
}

/* The name of 'f' without white space around it. */
struct pp_span
pp_http_name(const struct pp_reader *text, const struct pp_http_field *f)
{
    return pp_http_trim(text, pp_http_raw_name(f));
}

/* Which of the known names 'name' is.  White space between name and colon is
 * forbidden (RFC 9112 5.1), and yet such a name counts for some servers; one
 * behind white space counts for none (2.2). */
static inline enum pp_http_id
name_identify(struct pp_bytes name)
{
    while (PP_HTTP_SPACE_BEFORE_COLON && name.n
           && name.p[name.n - 1] <= ' '
           && pp_http_is_ows(name.p[name.n - 1])) {
        name.n--;
    }
    return (name.n <= KNOWN_NAME_MAX && name.n
            && (name.p[0] | 0x20) == known_first[name.n]
            && pp_http_same_word(name.p, known_names[name.n].name, name.n)
            ? known_names[name.n].id : PP_HTTP_H_OTHER);
}

/* What stands between the colon of 'f' and its line ending. */
struct pp_span
pp_http_raw_value(const struct pp_http_field *f)
{
    uint32_t end = pp_http_span_end(f->line) - f->ending;

    return pp_http_span(f->colon ? f->line.off + f->name_len + 1 : end, end);
}

/* That without white space around it. */
struct pp_span
pp_http_value(const struct pp_reader *text, const struct pp_http_field *f)
{
    return pp_http_trim(text, pp_http_raw_value(f));
}

/* The value of the first field 'id', of which there is one. */
struct pp_span
pp_http_first_value(const struct pp_reader *text,
                    const struct pp_http_fields *fields, enum pp_http_id id)
{
    return pp_http_value(text, &fields->f[fields->first[id]]);
}

/* Takes 'line' of 'text' in, which stands at 'start', as a field line. */
static inline void __attribute__((always_inline))
field_add(struct pp_http_fields *fields, const struct pp_reader *text,
          size_t start, struct pp_bytes line, uint8_t ending)
{
    bool plain;
    size_t colon = pp_find_plain(line.p, line.n, text->end - start, ':',
                                 &plain);
    struct pp_bytes name = { line.p, colon < line.n ? colon : 0 };
    enum pp_http_id id = name_identify(name);
    uint32_t n = fields->n++;

    fields->f[n] = (struct pp_http_field) {
        .line = { (uint32_t) start, (uint32_t) line.n },
        .name_len = (uint32_t) (colon < line.n ? colon : line.n - ending),
        .id = (uint8_t) id,
        .ending = ending,
        .colon = colon < line.n,
    };
    fields->bare_lf |= ending == 1;
    fields->unusual |= (!name.n
                        || (!plain
                            && (pp_http_wraps(name.p[0])
                                || pp_http_wraps(name.p[name.n - 1])
                                || (id == PP_HTTP_H_OTHER
                                    && pp_http_has_blank(name))))
                        || (name.n == 14 && name.p[7] == '_')
                        || (name.n == 17 && name.p[8] == '_'));
    if (id != PP_HTTP_H_OTHER && !fields->count[id]++) {
        fields->first[id] = n;
    }
}

/* Takes the line that ends at 'end' in as a continuation of the last one
 * (RFC 9112 5.2). */
static inline void __attribute__((always_inline))
field_fold(struct pp_http_fields *fields, size_t end, uint8_t ending,
           bool blank)
{
    struct pp_http_field *f = &fields->f[fields->n - 1];

    f->line = pp_http_span(f->line.off, end);
    f->ending = ending;
    f->folded = fields->unusual = true;
    fields->bare_lf |= ending == 1;
    fields->may_end |= blank;
    if (!f->colon) {
        f->name_len = f->line.len - ending;
    }
}

/* Is there nothing but white space in 'line'? */
static bool
is_blank(struct pp_bytes line)
{
    while (line.n && pp_http_is_space(line.p[line.n - 1])) {
        line.n--;
    }
    return !line.n;
}

/* Takes in 'line', which stands at 'start'.  False: there are too many. */
static inline bool __attribute__((always_inline))
field_line(struct pp_http_fields *fields, const struct pp_reader *text,
           size_t start, struct pp_bytes line, uint8_t ending)
{
    if (line.p[0] <= ' ' && pp_http_is_ows(line.p[0]) && fields->n) {
        field_fold(fields, start + line.n, ending, is_blank(line));
        return true;
    }
    if (fields->n >= PP_HTTP_FIELDS_MAX) {
        return false;
    }
    field_add(fields, text, start, line, ending);
    return true;
}

/* The end of 'text' comes before the empty line, at the line that starts at
 * 'start'.  That it ends there by FIN ('eof') some servers take for the empty
 * line. */
static enum pp_http_found
fields_cut_off(const struct pp_reader *text, size_t start, bool eof, bool fit,
               struct pp_http_fields *fields)
{
    struct pp_bytes line = pp_reader_slice(text, start, text->end - start);

    if (!eof) {
        return PP_HTTP_MORE;
    }
    if (line.n) {
        fit = fit && field_line(fields, text, start, line, 0);
    }
    fields->truncated = true;
    fields->end = (uint32_t) text->end;
    return fit ? PP_HTTP_FOUND : PP_HTTP_TOO_MANY;
}

/* Reads the field lines from 'pos' as far as the empty line behind them, or
 * as far as FIN ('eof').  That there are too many is said when their end has
 * come, however they arrive. */
enum pp_http_found
pp_http_fields_parse(const struct pp_reader *text, size_t pos, bool eof,
                     struct pp_http_fields *fields)
{
    size_t start = pos < text->end ? pos : text->end;
    bool cr = false;            /* The last byte looked at is one. */
    bool fit = true;
    /* Where the compiler sees that no line is written over it. */
    struct pp_http_fields now = { .f = fields->f, .start = (uint32_t) pos };

    for (size_t at = start; at < text->end; at += PP_BLOCK) {
        uint8_t copy[PP_BLOCK];
        struct pp_window w = pp_window_at(text, at, text->end, copy);
        uint64_t ends = pp_window_find(w, '\n');
        uint64_t crs = pp_window_find(w, '\r');
        /* What stands behind a CR and is no LF. */
        uint64_t bare = (crs << 1 | cr) & ~ends;

        cr = crs >> (PP_BLOCK - 1);
        while (ends) {
            size_t stop = at + pp_lowest(ends);
            /* 'start' <= 'stop' < text->end. */
            struct pp_bytes line = { text->base + start, stop + 1 - start };
            uint8_t ending = line_ending(line);

            if (line.n == ending) {
                now.ending = ending;
                now.end = (uint32_t) stop + 1;
                now.may_end |= (bare << (PP_BLOCK - 1 - (stop - at))) != 0;
                *fields = now;
                return fit ? PP_HTTP_FOUND : PP_HTTP_TOO_MANY;
            }
            fit = fit && field_line(&now, text, start, line, ending);
            start = stop + 1;
            ends &= ends - 1;
        }
        now.may_end |= bare != 0;
    }
    now.may_end |= cr;
    *fields = now;
    return fields_cut_off(text, start, eof, fit, fields);
}

/* The request line. */

/* White space of a request line in Python alone, of what str.split() has: NEL
 * and the no-break space, as Latin-1 has them. */
static bool
is_other_space(int c)
{
    return PP_HTTP_PYTHON_SPACE && (c == 0x85 || c == 0xa0);
}

/* Is the byte at 'i' white space in a request line (RFC 9112 3)?  One of the
 * others is if it is not the last byte of a UTF-8 character. */
static bool
is_line_space(struct pp_bytes b, size_t i)
{
    int c = b.p[i];

    if (c <= ' ') {
        return (c == ' '
                || (PP_HTTP_ANY_SPACE_IN_LINE
                    && (c == '\t' || c == '\v' || c == '\f' || c == '\r'))
                || (PP_HTTP_PYTHON_SPACE && c >= 0x1c));
    } else if (!is_other_space(c)) {
        return false;
    }
    while (i && is_other_space(b.p[i - 1])) {
        i--;
    }
    return !i || b.p[i - 1] < 0x80;
}

/* True for a byte that a request line can start with: any that is seen, since
 * gunicorn took most of them for a method's (CVE-2024-1135), or white space,
 * which lenient servers ignore. */
static bool
starts_request(int c)
{
    const uint8_t byte = (uint8_t) c;

    return c > ' ' && c < 0x7f
           ? PP_HTTP_ANY_METHOD || !strchr("\"(),/:;<=>?@[\\]{}", c)
           : c >= 0x80 ? PP_HTTP_ANY_METHOD || is_other_space(c)
           : c != '\r' && is_line_space((struct pp_bytes) { &byte, 1 }, 0);
}

/* With a 'first' byte that lenient servers alone would take, is it rather
 * another protocol, in bytes?  That must not be held for a line's end. */
static bool
is_binary(const struct pp_reader *text, int first)
{
    struct pp_reader line = *text;
    size_t lf;

    if (first >= '\t' && first < 0x7f && !(first >= 0x1c && first < ' ')) {
        return false;
    }
    lf = pp_reader_find(text, '\n');
    line.end = lf < line.end ? lf : line.end;
    if (pp_reader_find(&line, '\0') != SIZE_MAX) {
        return true;
    }
    while (lf != SIZE_MAX && pp_reader_left(&line)
           && pp_reader_peek(&line, 0) != '/') {
        pp_reader_skip(&line, 1);
    }
    return lf != SIZE_MAX && !pp_reader_left(&line);
}

/* True when a request line may start at the start of 'text'. */
bool
pp_http_starts_request(const struct pp_reader *text)
{
    int first = pp_reader_peek(text, 0);

    return starts_request(first) && !is_binary(text, first);
}

/* Words of the line 'b' of a request are between white space. */

/* The end of the run from 'i' on that is white space, or is not. */
static uint32_t
line_run(struct pp_bytes b, uint32_t i, bool space)
{
    while (i < b.n && is_line_space(b, i) == space) {
        i++;
    }
    return i;
}

/* The start of the run that ends at 'end' and is behind 'start'. */
static uint32_t
line_run_back(struct pp_bytes b, uint32_t start, uint32_t end, bool space)
{
    while (end > start && is_line_space(b, end - 1) == space) {
        end--;
    }
    return end;
}

/* Length of the "scheme://" that 'target' starts with, or 0. */
static uint32_t
target_scheme(const struct pp_reader *text, struct pp_span target)
{
    uint32_t colon = pp_http_find(text, target, ':');
    uint32_t i;

    for (i = target.off; i < colon; i++) {
        int c = pp_reader_peek(text, i);
        int l = pp_http_lower(c);

        if (!(l >= 'a' && l <= 'z') && !pp_http_is_digit(c) && c != '+'
            && c != '-' && c != '.') {
            return 0;
        }
    }
    return i > target.off && pp_reader_peek(text, i + 1) == '/'
           && pp_reader_peek(text, i + 2) == '/'
           && i + 3 <= pp_http_span_end(target) ? i + 3 - target.off : 0;
}

/* Splits the target (RFC 9112 3.2).  A '#' is no delimiter: no target has
 * one by the rules, and servers differ in what they do about it.  CONNECT has
 * no path by the rules, and where it does, many servers act on that. */
static void
target_split(const struct pp_reader *text, struct pp_http_head *head)
{
    struct pp_span rest = head->target;
    uint32_t end = pp_http_span_end(rest);
    bool connect = pp_http_equals(text, head->method, "connect");
    uint32_t scheme, mark, i;

    head->authority = head->path = head->query = pp_http_span(end, end);
    head->has_query = false;
    if (pp_reader_peek(text, rest.off) == '/') {
        head->form = PP_HTTP_ORIGIN;
    } else if (rest.len == 1 && pp_reader_peek(text, rest.off) == '*') {
        head->form = PP_HTTP_ASTERISK;
    } else if ((scheme = target_scheme(text, rest)) != 0) {
        head->form = PP_HTTP_ABSOLUTE;
        for (i = rest.off + scheme; i < end; i++) {
            int c = pp_reader_peek(text, i);

            if (c == '/' || c == '?') {
                break;
            }
        }
        head->authority = pp_http_span(rest.off + scheme, i);
        rest = pp_http_span(i, end);
    } else if (connect) {
        head->authority = rest;
        rest = pp_http_span(end, end);
    } else {
        head->form = PP_HTTP_OTHER_FORM;
    }
    if (connect) {
        head->form = PP_HTTP_AUTHORITY;
    }
    mark = pp_http_find(text, rest, '?');
    head->path = pp_http_span(rest.off, mark);
    head->has_query = mark < end;
    head->query = pp_http_span(mark < end ? mark + 1 : end, end);
}

/* Is there white space in the target of 'head'? */
bool
pp_http_target_has_space(const struct pp_reader *text,
                         const struct pp_http_head *head)
{
    struct pp_bytes b = pp_http_bytes(text, head->target);

    return !head->plain && line_run(b, 0, false) < b.n;
}

/* Has the target of 'head', as read, end at its first white space, as it does
 * for servers that take no notice of what is behind a version, or take any
 * word for one.  There is white space in it. */
void
pp_http_target_ends(const struct pp_reader *text, struct pp_http_head *head)
{
    struct pp_bytes b = pp_http_bytes(text, head->target);
    uint32_t off = head->target.off, word = line_run(b, 0, false);
    uint32_t next = line_run(b, word, true);
    struct pp_span rest = pp_http_span(off + next, off + (uint32_t) b.n);
    bool version = pp_http_starts(text, rest, "http/");

    rest.len = version ? MIN(rest.len, sizeof "HTTP/1.1" - 1) : 0;
    head->target.len = word;
    head->version = rest;
    head->version_separator = pp_http_span(off + word, rest.off);
    target_split(text, head);
}

/* Splits a line as nearly all are: words with one space between them, and none
 * around.  A byte that is plain is part of a word whatever is around it.
 * False: it is of another kind. */
static bool
line_split_usual(const struct pp_reader *text, struct pp_http_head *head)
{
    struct pp_bytes b = pp_http_bytes(text, head->line);
    uint32_t off = head->line.off, n = (uint32_t) b.n, first = 0, last = n;

    /* The first word, and a space that is not the last byte. */
    while (first < n && pp_is_plain(b.p[first])) {
        first++;
    }
    if (!first || n < 2 || first >= n - 1 || b.p[first] != ' '
        || !pp_is_plain(b.p[first + 1])) {
        return false;
    }
    /* The last word, which ends the line and starts behind that space. */
    while (pp_is_plain(b.p[last - 1])) {
        last--;
    }
    if (last == n || b.p[last - 1] != ' ') {
        return false;
    }
    head->method = (struct pp_span) { off, first };
    head->method_separator = (struct pp_span) { off + first, 1 };
    head->one_word = false;
    if (last > first + 1 && n - last >= 5
        && pp_http_same_word(b.p + last, "http/", 5)) {
        if (!pp_is_plain(b.p[last - 2])) {
            return false;
        }
        head->version = (struct pp_span) { off + last, n - last };
        head->version_separator = (struct pp_span) { off + last - 1, 1 };
        n = last - 1;
    } else if (PP_HTTP_NO_VERSION) {
        head->version = head->version_separator
            = (struct pp_span) { off + n, 0 };
    } else {
        return false;
    }
    head->target = (struct pp_span) { off + first + 1, n - first - 1 };
    head->plain = pp_are_plain(b.p + first + 1, n - first - 1);
    return true;
}

/* Splits the request line: the first word is the method (but not behind white
 * space if it is a target's: then there is none), the last one, where
 * it starts with "HTTP/", the version, and the target is what is between,
 * which may have spaces of its own (RFC 9112 3.2: such a line is invalid, and
 * some servers accept it).  False: no word. */
static bool
line_split(const struct pp_reader *text, struct pp_http_head *head)
{
    struct pp_bytes b = pp_http_bytes(text, head->line);
    uint32_t off = head->line.off;
    uint32_t start = line_run(b, 0, true);
    uint32_t end = line_run_back(b, start, (uint32_t) b.n, true);
    uint32_t word = line_run(b, start, false);

    if (PP_HTTP_NO_METHOD && start && start < end && b.p[start] == '/') {
        start = word = 0;
    }
    head->method = pp_http_span(off + start, off + word);
    start = line_run(b, word, true);
    start = start < end ? start : end;
    head->method_separator = pp_http_span(off + word, off + start);
    head->one_word = start >= end;
    if (!head->method.len && head->one_word) {
        return false;
    }

    word = line_run_back(b, start, end, false);
    head->version = pp_http_span(off + word, off + end);
    if (word > start && pp_http_starts(text, head->version, "http/")) {
        end = line_run_back(b, start, word, true);
        head->version_separator = pp_http_span(off + end, off + word);
    } else if (PP_HTTP_NO_VERSION) {
        head->version = head->version_separator
            = pp_http_span(off + end, off + end);
    } else {
        return false;
    }
    head->target = pp_http_span(off + start, off + end);
    return true;
}

/* Reads the head at 'pos'.  PP_HTTP_MALFORMED: the request line has no word,
 * which no server answers but with an error. */
enum pp_http_found
pp_http_head_parse(const struct pp_reader *text, size_t pos, bool eof,
                   struct pp_http_head *head)
{
    enum pp_http_found found;
    size_t end = text->end;

    head->line_ending = 0;
    if (!pp_http_line_end(text, pos, &end, &head->line_ending) && !eof) {
        return PP_HTTP_MORE;
    }
    head->line = pp_http_span(pos, end - head->line_ending);
    head->plain = false;
    if (!line_split_usual(text, head) && !line_split(text, head)) {
        return PP_HTTP_MALFORMED;
    }
    head->line_cr = !head->plain && pp_http_has_byte(text, head->line, '\r');
    target_split(text, head);
    found = pp_http_fields_parse(text, end, eof, &head->fields);
    if (found == PP_HTTP_FOUND) {
        pp_http_framing(text, &head->fields, &head->framing);
        head->odd = PP_HTTP_NOT_ODD;
    }
    return found;
}

/* Finds and reads the head at 'pos'.  The first time that its first line is
 * there all is read; if the head is not there yet, the next times look for its
 * end, and then read all.  'scan' and 'line' are as in pp_http_head_end(). */
enum pp_http_found
pp_http_head_find(const struct pp_reader *text, size_t pos, bool eof,
                  uint32_t *scan, uint32_t *line, struct pp_http_head *head)
{
    enum pp_http_found found = PP_HTTP_MORE;
    uint8_t ending;
    size_t end;

    if (*line) {
        if (!pp_http_head_end(text, pos, eof, scan, line)) {
            return PP_HTTP_MORE;
        }
        found = pp_http_head_parse(text, pos, eof, head);
    } else if (eof || !*scan
               || pp_http_line_end(text, pos + *scan, &end, &ending)) {
        found = pp_http_head_parse(text, pos, eof, head);
    }
    if (found != PP_HTTP_MORE) {
        *scan = *line = 0;
    } else if (!*line) {
        pp_http_head_end(text, pos, eof, scan, line);
    }
    return found;
}

/* Framing (RFC 9112 6.3). */

static bool
is_python_space(int c)
{
    return (c >= 0 && c <= ' ') || is_other_space(c);
}

/* Reads one value of Content-Length as the most lenient servers do: white
 * space, a sign and '_' as Python's int(), digits as far as they go as Ruby's
 * to_i.  False: not as RFC 9110 8.6 has it. */
static bool
length_parse(const struct pp_reader *text, struct pp_span s, uint64_t *length)
{
    uint32_t i = s.off, end = pp_http_span_end(s);
    bool valid = s.len > 0;

    *length = 0;
    while (i < end && is_python_space(pp_reader_peek(text, i))) {
        valid = false;
        i++;
    }
    if (i < end && pp_reader_peek(text, i) == '+') {
        valid = false;
        i++;
    }
    for (; i < end; i++) {
        int c = pp_reader_peek(text, i);

        if (c == '_' && i > s.off) {
            valid = false;
        } else if (!pp_http_is_digit(c)) {
            return false;
        } else if (*length > (INT64_MAX - 9) / 10) {
            *length = INT64_MAX;
            valid = false;
        } else {
            *length = *length * 10 + (uint64_t) (c - '0');
        }
    }
    return valid;
}

/* Takes one more value of Content-Length into 'framing'.  'seen' tells
 * whether there was one before that is not empty.  False: they differ. */
static bool
length_add(const struct pp_reader *text, struct pp_span s,
           struct pp_http_framing *framing, bool *seen)
{
    uint64_t length;

    s = pp_http_trim(text, s);
    framing->valid = length_parse(text, s, &length) && framing->valid;
    if (!s.len) {
        return true;
    }
    if (*seen && length != framing->length) {
        return false;
    }
    *seen = true;
    framing->length = length;
    return true;
}

/* Reads 's' if it is a Content-Length as nearly all are, digits alone, and not
 * so many that they may not fit. */
static bool
length_usual(const struct pp_reader *text, struct pp_span s, uint64_t *length)
{
    struct pp_bytes b = pp_http_bytes(text, s);
    uint64_t n = 0;

    if (!b.n || b.n > 18) {
        return false;
    }
    for (size_t i = 0; i < b.n; i++) {
        if (!pp_http_is_digit(b.p[i])) {
            return false;
        }
        n = n * 10 + (uint64_t) (b.p[i] - '0');
    }
    *length = n;
    return true;
}

/* Reads all of Content-Length; values may repeat if they are the same (RFC
 * 9110 8.6).  False: they differ. */
static bool
length_read(const struct pp_reader *text, const struct pp_http_fields *fields,
            struct pp_http_framing *framing)
{
    uint32_t i = fields->first[PP_HTTP_H_CONTENT_LENGTH];
    uint32_t left = fields->count[PP_HTTP_H_CONTENT_LENGTH];
    bool seen = false;

    framing->valid = true;
    if (left == 1
        && length_usual(text, pp_http_value(text, &fields->f[i]),
                        &framing->length)) {
        return true;
    }
    for (; left; i++) {
        const struct pp_http_field *f = &fields->f[i];
        struct pp_span rest = pp_http_value(text, f);
        uint32_t end = pp_http_span_end(rest), comma;

        if (f->id != PP_HTTP_H_CONTENT_LENGTH) {
            continue;
        }
        left--;
        do {
            comma = pp_http_find(text, rest, ',');
            if (!length_add(text, pp_http_span(rest.off, comma), framing,
                            &seen)) {
                framing->valid = false;
                return false;
            }
            rest = pp_http_span(comma + 1, end);
        } while (comma < end);
    }
    return true;
}

/* True for "chunked", and for what servers with CVE-2022-32213 take for it:
 * the word again and again. */
static bool
coding_is_chunked(const struct pp_reader *text, struct pp_span s)
{
    uint32_t end = pp_http_span_end(s);

    if (!s.len || (s.len > 7 && !PP_HTTP_REPEATED_CODING)) {
        return false;
    }
    while (s.off < end && pp_http_starts(text, s, "chunked")) {
        s = pp_http_span(s.off + 7, end);
    }
    return s.off == end;
}

/* True when the last coding of all Transfer-Encoding is "chunked"; empty
 * members of the list are none (RFC 9110 5.6.1.2). */
static bool
is_chunked(const struct pp_reader *text, const struct pp_http_fields *fields)
{
    struct pp_span last = { .len = 0 };
    uint32_t i;

    for (i = 0; i < fields->n; i++) {
        struct pp_span rest = pp_http_value(text, &fields->f[i]), coding;
        uint32_t end = pp_http_span_end(rest), comma;

        if (fields->f[i].id != PP_HTTP_H_TRANSFER_ENCODING) {
            continue;
        }
        do {
            comma = pp_http_find(text, rest, ',');
            coding = pp_http_trim(text, pp_http_span(rest.off, comma));
            last = coding.len ? coding : last;
            rest = pp_http_span(comma + 1, end);
        } while (comma < end);
    }
    last.len = pp_http_find(text, last, ';') - last.off;
    return coding_is_chunked(text, pp_http_trim(text, last));
}

/* Finds how long the content behind 'fields' is.  Transfer-Encoding overrides
 * Content-Length.  Where its last coding is not "chunked" (an error by the
 * rules), servers that go on have overlooked it. */
void
pp_http_framing(const struct pp_reader *text,
                const struct pp_http_fields *fields,
                struct pp_http_framing *framing)
{
    bool agreed = true;

    *framing = (struct pp_http_framing) { .kind = PP_HTTP_NO_BODY };
    if (fields->count[PP_HTTP_H_CONTENT_LENGTH]) {
        agreed = length_read(text, fields, framing);
    }
    if (fields->count[PP_HTTP_H_TRANSFER_ENCODING]
        && is_chunked(text, fields)) {
        framing->kind = PP_HTTP_CHUNKED;
    } else if (!agreed) {
        framing->kind = PP_HTTP_CONFLICT;
    } else if (framing->length) {
        framing->kind = PP_HTTP_LENGTH;
    }
}

/* True when one of the fields 'id' has 'token' (in lower case) in its list of
 * tokens. */
bool
pp_http_has_token(const struct pp_reader *text,
                  const struct pp_http_fields *fields, enum pp_http_id id,
                  const char *token)
{
    uint32_t i, left = fields->count[id];

    for (i = left ? fields->first[id] : 0; left; i++) {
        struct pp_span rest = pp_http_value(text, &fields->f[i]);
        uint32_t end = pp_http_span_end(rest), comma;

        if (fields->f[i].id != id) {
            continue;
        }
        left--;
        do {
            comma = pp_http_find(text, rest, ',');
            if (pp_http_equals(text,
                               pp_http_trim(text,
                                            pp_http_span(rest.off, comma)),
                               token)) {
                return true;
            }
            rest = pp_http_span(comma + 1, end);
        } while (comma < end);
    }
    return false;
}
