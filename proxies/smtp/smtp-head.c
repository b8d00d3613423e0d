/* SPDX-License-Identifier: Apache-2.0 */

/* How far a message's header section goes (RFC 5322 2.2), for servers that do
 * not wait for the empty line: a line that is no field is the body's first.
 *
 * In: a message's bytes, in pieces.  Out: whether they belong to the section.
 * Runs in the engine's data threads; owns nothing.
 *
 * A line ends at CRLF and goes on where white space follows; LF or CR alone
 * counts as white space within it.  A dot at its start is not a part of it
 * (RFC 5321 4.5.2).  A name is of any printable characters but a colon, not
 * only of ASCII, and white space may stand before the colon. */

#include <config.h>

#include "pp-smtp.h"

static bool
is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static bool
is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* What 'head' is at a line that starts with 'c'. */
static enum pp_smtp_head
at_line(enum pp_smtp_head head, uint8_t c)
{
    switch (head) {
    case EXPECT_FIRST_LINE:
        return is_blank(c) ? EXPECT_NO_FIELD : EXPECT_FIELD;
    case EXPECT_FIELD_VALUE:
        return is_blank(c) ? head : EXPECT_FIELD;
    case EXPECT_FIELD:
    case EXPECT_FIELD_START:
    case EXPECT_FIELD_NAME:
    case EXPECT_COLON:
    case EXPECT_NO_FIELD:
        return is_blank(c) ? head : EXPECT_BODY;
    case EXPECT_BODY:
        break;
    }
    return EXPECT_BODY;
}

/* What 'head' is behind 'c'. */
static enum pp_smtp_head
behind(enum pp_smtp_head head, uint8_t c)
{
    bool starts = head == EXPECT_FIELD || head == EXPECT_FIELD_START;

    if (head == EXPECT_FIELD && c == '.') {
        return EXPECT_FIELD_START;
    } else if (c == ':') {
        return EXPECT_FIELD_VALUE;
    } else if (is_space(c)) {
        return starts ? EXPECT_NO_FIELD : EXPECT_COLON;
    }
    return (head == EXPECT_COLON || c < ' ' || c == 0x7f
            ? EXPECT_NO_FIELD : EXPECT_FIELD_NAME);
}

/* Does what starts at 'off' belong to the header section?  'fresh' says that
 * it is the start of a line. */
bool
pp_smtp_head_goes_on(enum pp_smtp_head head, const struct pp_reader *text,
                     size_t off, bool fresh)
{
    if (fresh && off < text->end) {
        head = at_line(head, pp_reader_peek(text, off));
    }
    return head != EXPECT_BODY;
}

/* What 'head' is behind the piece 's', the start of a line if 'fresh'. */
enum pp_smtp_head
pp_smtp_head_read(enum pp_smtp_head head, const struct pp_reader *text,
                  struct pp_span s, bool fresh)
{
    size_t off = s.off, end = s.off + s.len;

    if (fresh && s.len) {
        uint8_t c = pp_reader_peek(text, off);

        head = at_line(head, c);
        if (head == EXPECT_FIELD
            && (c == '\n' || (c == '\r' && s.len == 2
                             && pp_reader_peek(text, off + 1) == '\n'))) {
            return EXPECT_BODY;
        }
    }
    while (off < end && head != EXPECT_FIELD_VALUE && head != EXPECT_NO_FIELD
           && head != EXPECT_BODY) {
        head = behind(head, pp_reader_peek(text, off++));
    }
    return head;
}
