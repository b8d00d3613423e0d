/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_TLS_H
#define PP_TLS_H 1

/* TLS where another protocol is expected (RFC 8446 5.1, 4.1.2).
 *
 * Whoever begins like TLS need not mean it: only the server's answer tells
 * whether it speaks TLS, too, and so whether nothing can be looked at here.
 * Until then no more passes than the record that it answers.
 *
 * Nor need a client begin with TLS once a server has agreed to it; and then
 * there are servers that go on reading commands. */

#include <stdint.h>

#include "pp-reader.h"

enum {
    PP_TLS_ALERT = 0x15,
    PP_TLS_HANDSHAKE = 0x16,
};

/* Bytes before a record's payload, and the longest payload. */
#define PP_TLS_HEADER 5
#define PP_TLS_RECORD_MAX (1 << 14)

/* The length of the record at 'pos', with its header, if it is a client's
 * first, a ClientHello's; 0 if more bytes are needed to tell; or -1. */
static inline int32_t
pp_tls_hello(const struct pp_reader *text, size_t pos)
{
    static const uint8_t least[] = { PP_TLS_HANDSHAKE, 3, 0, 0, 0, 1 };
    static const uint8_t most[] = { PP_TLS_HANDSHAKE, 3, 4, 0x40, 0xff, 1 };
    int32_t length = 0;

    for (size_t i = 0; i < sizeof least; i++) {
        int c = pp_reader_peek(text, pos + i);

        if (c < 0) {
            return 0;
        } else if (c < least[i] || c > most[i]) {
            return -1;
        }
        length = i == 3 || i == 4 ? length << 8 | c : length;
    }
    return (length < 4 || length > PP_TLS_RECORD_MAX ? -1
            : PP_TLS_HEADER + length);
}

/* Does a client whose server has agreed to TLS begin with it at 'pos', or with
 * what older ones do (RFC 5246 E.2)?  1 or -1; 0 if more bytes are needed to
 * tell. */
static inline int
pp_tls_begins(const struct pp_reader *text, size_t pos)
{
    int first = pp_reader_peek(text, pos);
    size_t at = pos + (first == PP_TLS_HANDSHAKE ? 1 : 2);
    int next = pp_reader_peek(text, at);

    if (first >= 0 && first != PP_TLS_HANDSHAKE && !(first & 0x80)) {
        return -1;
    }
    return (next < 0 ? 0
            : next == (first == PP_TLS_HANDSHAKE ? 3 : 1) ? 1 : -1);
}

/* May a server that speaks TLS begin its answer to that with 'byte'? */
static inline bool
pp_tls_answers(int byte)
{
    return byte == PP_TLS_HANDSHAKE || byte == PP_TLS_ALERT;
}

#endif /* pp-tls.h */
