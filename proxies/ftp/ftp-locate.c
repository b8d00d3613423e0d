/* SPDX-License-Identifier: Apache-2.0 */

/* Where a field stands, for a correction, and whether what corrections made
 * of a line is one.
 *
 * In: a unit and an index into the table of fields, or edits.  Out: spans of
 * the view; edits that make a line.  Runs in the engine's data threads; owns
 * nothing.
 *
 * With an argument, or a path, the white space before it is taken away. */

#include <config.h>

#include "ftp-fields.h"
#include "pp-ftp.h"

/* Turns a span of the plain line into one of the view. */
static struct pp_span
to_view(const struct pp_ftp_msg *m, struct pp_span s)
{
    uint32_t off = pp_ftp_to_view(m, s.off, !s.len);

    return s.len ? pp_ftp_span(off, pp_ftp_to_view(m, pp_ftp_span_end(s),
                                                   true))
                 : pp_ftp_span(off, off);
}

/* 's' with the white space before it. */
static struct pp_span
with_space(const struct pp_reader *plain, struct pp_span s)
{
    uint32_t start = s.off;

    while (start && pp_ftp_is_space(pp_reader_peek(plain, start - 1))) {
        start--;
    }
    return pp_ftp_span(start, pp_ftp_span_end(s));
}

/* locate(); see pp-proxy.h.  A word that is not there stands nowhere. */
bool
pp_ftp_locate(const struct pp_msg *msg, unsigned int field, uint32_t index,
              int sub, struct pp_span *value, struct pp_span *extent)
{
    const struct pp_ftp_msg *m = msg->decoded;
    const struct pp_ftp_line *line = &m->line;
    struct pp_span s;

    (void) index, (void) sub;
    /* In what some server reads a line as, nothing can be corrected that is
     * another thing for another. */
    if (!pp_ftp_field_there(m, field) || m->hold) {
        return false;
    }
    if (field == PP_FTP_F_VERB) {
        *value = *extent = to_view(m, line->verb);
        return line->verb.len;
    } else if (field == PP_FTP_F_ARGUMENT && line->separator.len) {
        s = line->argument;
    } else if (field == PP_FTP_F_SUBVERB && line->sub.len) {
        s = line->sub;
    } else if (field == PP_FTP_F_SUBARGUMENT && line->sub_separator.len) {
        s = line->sub_argument;
    } else if (field == PP_FTP_F_PATH && line->has_path) {
        s = line->path;
    } else {
        return false;
    }
    *value = to_view(m, s);
    *extent = to_view(m, with_space(&line->plain, s));
    return true;
}

/* Doubles each byte 255 of 'ins', which Telnet would take for the start of a
 * command (RFC 854). */
static bool
escape(struct pp_bytes *ins, struct pp_arena *arena)
{
    struct pp_reader r = pp_reader_init(ins->p, ins->n);
    size_t n = 0, i;
    uint8_t *p;

    for (i = 0; i < ins->n; i++) {
        n += pp_reader_peek(&r, i) == 255;
    }
    if (!n) {
        return true;
    }
    p = arena ? pp_arena_alloc(arena, ins->n + n) : NULL;
    if (!p) {
        return false;
    }
    for (i = n = 0; i < ins->n; i++) {
        p[n++] = (uint8_t) pp_reader_peek(&r, i);
        if (p[n - 1] == 255) {
            p[n++] = 255;
        }
    }
    *ins = (struct pp_bytes) { .p = p, .n = n };
    return true;
}

/* reframe(); see pp-proxy.h.  False where the edits do not leave one line, or
 * where only part of a line is there to be edited. */
bool
pp_ftp_reframe(const struct pp_msg *msg, struct pp_edits *edits)
{
    const struct pp_ftp_msg *m = msg->decoded;
    struct pp_ftp_scratch *scratch = m->scratch;
    struct pp_reader text;
    struct pp_buf buf;
    uint32_t scan = 0, end;
    unsigned int i;

    if (!edits->n && !edits->overflow) {
        return true;
    }
    if (edits->overflow || m->event != PP_FTP_E_COMMAND || m->line.cut) {
        return false;
    }
    for (i = 0; i < edits->n; i++) {
        if (!escape(&edits->e[i].ins, edits->arena)) {
            return false;
        }
    }
    pp_buf_init(&buf, scratch->edited, sizeof scratch->edited);
    pp_edits_apply(edits, m->text.base, m->end, &buf);
    text = pp_reader_init(buf.data, buf.len);
    return !buf.overflow && pp_reader_peek(&text, 0) != 0x16
           && pp_ftp_line_find(&text, !m->line.ending && m->eof, &scan, &end)
              == PP_FTP_FOUND
           && end == buf.len
           && pp_ftp_line_parse(&text, end, true, scratch->edited_plain,
                                &scratch->edited_line) == PP_FTP_FOUND
           && !scratch->edited_line.cut
           && !scratch->edited_line.ending == !m->line.ending;
}
