/* SPDX-License-Identifier: Apache-2.0 */

/* Lines.
 *
 * In: a view of the client's bytes.  Out: where its first line ends, the line
 * without Telnet commands, and its words.  Runs in the engine's data threads;
 * owns nothing.
 *
 * The control connection is a Telnet one (RFC 959 5.3.1, RFC 854): IAC and
 * what belongs to it is no part of a command, IAC IAC stands for the one byte
 * 255.  Of all that Telnet has, servers know just this much; none of them
 * knows of subnegotiation, so that SB is a command of two bytes here too.
 *
 * A LF within such a command ends the line for a server that knows nothing of
 * Telnet and does not for one that does.  No client sends it (option 10 has
 * not been used in living memory), and what comes behind it would be read by
 * the server as we do not: so that is PP_FTP_BAD_NEWLINE. */

#include <config.h>

#include "pp-ftp.h"

enum {
    IAC = 255,
    WILL = 251,                 /* To DONT, 254: an option follows. */
};

/* The length of what stands at 'off' of the first 'end' bytes of 'text': one
 * byte of the line ('*data'), or a Telnet command, '*whole' if all of it is
 * there. */
static uint32_t
item(const struct pp_reader *text, uint32_t off, uint32_t end, bool *data,
     bool *whole)
{
    int second = off + 1 < end ? pp_reader_peek(text, off + 1) : -1;
    uint32_t n;

    *data = *whole = true;
    if (pp_reader_peek(text, off) != IAC) {
        return 1;
    }
    if (second == IAC) {
        return 2;
    }
    *data = false;
    n = second >= WILL ? 3 : 2;
    *whole = second >= 0 && n <= end - off;
    return *whole ? n : end - off;
}

/* Finds the end of the first line: behind its LF, or where it is cut off.  No
 * LF stands before '*scan'. */
enum pp_ftp_found
pp_ftp_line_find(const struct pp_reader *text, bool eof, uint32_t *scan,
                 uint32_t *end)
{
    size_t max = text->end < PP_FTP_LINE_MAX ? text->end : PP_FTP_LINE_MAX;
    struct pp_reader r = pp_ftp_sub(text, pp_ftp_span(*scan, max));
    size_t off = pp_reader_find(&r, '\n');

    if (off != SIZE_MAX) {
        *end = (uint32_t) off + 1;
        return PP_FTP_FOUND;
    }
    *end = (uint32_t) max;
    if (max == PP_FTP_LINE_MAX) {
        *end -= pp_ftp_verb_pending(text, 0, *end);     /* Not within one. */
    }
    if (max == PP_FTP_LINE_MAX || (eof && max)) {
        return PP_FTP_FOUND;
    }
    *scan = (uint32_t) max;
    return PP_FTP_MORE;
}

/* Takes the Telnet commands out of the first 'end' bytes of 'text', which
 * become '*n' bytes at 'plain'.  False if the last one is not whole. */
static bool
strip_telnet(const struct pp_reader *text, uint32_t end, uint8_t *plain,
             size_t *n)
{
    bool data, whole = true;
    uint32_t off = 0;

    *n = 0;
    while (off < end) {
        uint32_t len = item(text, off, end, &data, &whole);

        if (data) {
            plain[(*n)++] = (uint8_t) pp_reader_peek(text, off);
        }
        off += len;
    }
    return whole;
}

/* The end of the run of white space, or of other bytes, from 'off' on. */
static size_t
run_end(const struct pp_reader *plain, size_t off, bool space)
{
    int c;

    while ((c = pp_reader_peek(plain, off)) >= 0
           && pp_ftp_is_space(c) == space) {
        off++;
    }
    return off;
}

/* Splits 's' into a word, white space and the rest. */
static void
split(const struct pp_reader *plain, struct pp_span s, struct pp_span *word,
      struct pp_span *separator, struct pp_span *rest)
{
    size_t end = run_end(plain, s.off, false);
    size_t start = run_end(plain, end, true);

    *word = pp_ftp_span(s.off, end);
    *separator = pp_ftp_span(end, start);
    *rest = pp_ftp_span(start, pp_ftp_span_end(s));
}

/* Finds the path that the argument holds. */
static void
find_path(struct pp_ftp_line *line)
{
    enum pp_ftp_path kind = line->command.path;
    struct pp_span word, space, rest = line->argument;

    if (kind == PP_FTP_PATH_SITE) {
        kind = pp_ftp_site_path(&line->plain, line->sub);
        rest = line->sub_argument;
    }
    switch (kind) {
    case PP_FTP_NO_PATH:
    case PP_FTP_PATH_SITE:
        return;
    case PP_FTP_PATH:
        break;
    case PP_FTP_PATH_OPTIONS:
        while (pp_reader_peek(&line->plain, rest.off) == '-') {
            split(&line->plain, rest, &word, &space, &rest);
        }
        break;
    case PP_FTP_PATH_WORD:
        split(&line->plain, rest, &word, &space, &rest);
        break;
    }
    line->path = rest;
    line->has_path = rest.len > 0;
}

/* Reads the line in the first 'end' bytes of 'text', with Telnet commands or
 * as a server that knows none.  'plain' has room for PP_FTP_LINE_MAX bytes. */
enum pp_ftp_found
pp_ftp_line_parse(const struct pp_reader *text, uint32_t end, bool telnet,
                  uint8_t *plain, struct pp_ftp_line *line)
{
    bool lf = end && pp_reader_peek(text, end - 1) == '\n';
    struct pp_reader whole = pp_ftp_sub(text, pp_ftp_span(0, end));
    struct pp_span rest;
    uint32_t content;
    size_t n;

    *line = (struct pp_ftp_line) {
        .cut = !lf && text->end >= PP_FTP_LINE_MAX,
        .telnet = telnet && pp_reader_find(&whole, IAC) != SIZE_MAX,
        .ending = (uint8_t) (lf + (lf && end > 1
                                   && pp_reader_peek(text, end - 2) == '\r')),
    };
    if (line->telnet && lf && !strip_telnet(text, end - 1, plain, &n)) {
        return PP_FTP_BAD_NEWLINE;
    }
    content = end - line->ending;
    if (line->telnet) {
        strip_telnet(text, content, plain, &n);
        line->plain = pp_reader_init(plain, n);
    } else {
        line->plain = pp_reader_init(text->base, content);
    }

    n = run_end(&line->plain, 0, true);
    line->before = pp_ftp_span(0, n);
    rest = pp_ftp_span(n, line->plain.end);
    split(&line->plain, rest, &line->verb, &line->separator, &line->argument);
    line->command = pp_ftp_command(&line->plain, line->verb);
    if (line->command.sub) {
        split(&line->plain, line->argument, &line->sub, &line->sub_separator,
              &line->sub_argument);
    }
    find_path(line);
    return PP_FTP_FOUND;
}

/* Where the byte at 'off' of the plain line stands in the view; with 'end',
 * what is behind the one before it. */
uint32_t
pp_ftp_to_view(const struct pp_ftp_msg *m, uint32_t off, bool end)
{
    uint32_t content = m->end - m->line.ending;
    uint32_t pos = 0, plain = 0;
    bool data, whole;

    if (!m->line.telnet) {
        return off;
    }
    while (pos < content && !(end && plain == off)) {
        uint32_t len = item(&m->text, pos, content, &data, &whole);

        if (data && plain++ == off) {
            break;
        }
        pos += len;
    }
    return pos;
}
