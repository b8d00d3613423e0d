/* SPDX-License-Identifier: Apache-2.0 */

/* Other lines that servers may read in one.
 *
 * Which Telnet commands a server takes out of a line, whether CR or NUL end
 * one for it, and what it does with a line longer than its buffer, is its own
 * choice, and cannot be known.  So a line is a command in each way that some
 * server may read it: without Telnet, and from each known command on that
 * stands behind CR, NUL, or as many bytes as fit into some server's buffer.
 *
 * In: a line.  Out: where these start.  Runs in the engine's data threads;
 * owns nothing. */

#include <config.h>

#include "pp-ftp.h"

#include "util.h"

/* Does a known command stand at 'off', with white space behind it? */
static bool
is_command(const struct pp_reader *text, uint32_t off, uint32_t end)
{
    uint32_t n = pp_ftp_verb_at(text, off, end);

    return n && off + n < end
           && pp_ftp_is_space(pp_reader_peek(text, off + n));
}

/* The 'first' other reading of the line in the first 'end' bytes of 'text', or
 * the next one that does not start before 'from': where it starts, and whether
 * it has Telnet commands.  False if there is none. */
bool
pp_ftp_reading(const struct pp_reader *text, uint32_t end, bool first,
               uint32_t from, uint32_t *start, bool *telnet)
{
    struct pp_reader whole = pp_ftp_sub(text, pp_ftp_span(0, end));
    bool blank = true, behind = false;

    *start = 0;
    *telnet = false;
    if (first && pp_reader_find(&whole, 255) != SIZE_MAX) {
        return true;
    }
    if (end <= PP_FTP_LINE_LEAST
        && pp_reader_find(&whole, '\0') == SIZE_MAX
        && pp_reader_find(&whole, '\r') >= end - 2) {
        return false;           /* As nearly all are. */
    }
    *telnet = true;
    for (uint32_t off = 0; off < end; off++) {
        int c = pp_reader_peek(text, off);

        if ((behind || off >= PP_FTP_LINE_LEAST) && !blank && off >= from
            && is_command(text, off, end)) {
            *start = off;
            return true;
        }
        behind = c == '\r' || !c || (behind && pp_ftp_is_space(c));
        blank = blank && pp_ftp_is_space(c);
    }
    return false;
}

/* Where a known command stands from 'start' on, whatever is before it; 'end'
 * if nowhere. */
uint32_t
pp_ftp_rest_hides(const struct pp_reader *text, uint32_t start, uint32_t end)
{
    while (start < end && !is_command(text, start, end)) {
        start++;
    }
    return start;
}

/* How many bytes before 'end' may be the beginning of a command. */
uint32_t
pp_ftp_verb_pending(const struct pp_reader *text, uint32_t start, uint32_t end)
{
    for (uint32_t n = MIN(PP_FTP_VERB_MAX, end - start); n; n--) {
        if (pp_ftp_verb_at(text, end - n, end) == n) {
            return n;
        }
    }
    return 0;
}

/* Does a line in the first 'end' bytes start with a known command? */
bool
pp_ftp_lines_hide(const struct pp_reader *text, uint32_t end)
{
    bool fresh = true;

    for (uint32_t off = 0; off < end; off++) {
        if (fresh && is_command(text, off, end)) {
            return true;
        }
        fresh = pp_reader_peek(text, off) == '\n'
                || (fresh && pp_ftp_is_space(pp_reader_peek(text, off)));
    }
    return false;
}
