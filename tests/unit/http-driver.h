/* SPDX-License-Identifier: Apache-2.0 */

#ifndef HTTP_DRIVER_H
#define HTTP_DRIVER_H 1

/* A connection under test, which an engine of a few lines drives. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pp-proxy.h"

enum {
    REQUEST = 1 << 0,
    CHUNK = 1 << 1,
    TRAILERS = 1 << 2,
    BODY = 1 << 3,
    RESPONSE = 1 << 4,
    TO_SERVER = REQUEST | CHUNK | TRAILERS,
};

extern const struct pp_proxy *http;     /* The proxy. */

/* One direction of a connection under test. */
struct side {
    char data[1 << 19];
    size_t start, len;          /* First byte not let go; bytes there are. */
    uint64_t skip;              /* Bytes to come that are let go unseen. */
    bool eof, over;
};

/* A connection under test.  'log' is what became of it: a unit as its
 * event's first letter and its bytes in <>, skipped bytes as their number,
 * with '!' where they are swallowed. */
struct test_conn {
    uint64_t state[64];
    uint32_t wants;
    struct side sides[2];
    char log[1 << 16];
    size_t log_len;
    uint64_t skipped;
    bool swallowed;
    enum pp_outcome outcome[32];        /* Of the units, in their order. */
    unsigned int n_units;

    /* Called for each unit; may edit, ask for fields and so on. */
    void (*look)(struct test_conn *, const struct pp_msg *);
};

/* Sets the proxy and its scratch memory up, and frees that. */
void driver_init(void);
void driver_free(void);

/* A new connection; to be freed with free(). */
struct test_conn *conn_new(uint32_t wants);

/* One side sends 'n' bytes, or FIN; all that follows from it happens. */
void conn_send(struct test_conn *, enum pp_dir, const char *, size_t n);
void conn_eof(struct test_conn *, enum pp_dir);

/* Logs the bytes that were skipped last: to be called at the end. */
void log_skip(struct test_conn *);

/* Messages. */
#define HOST "Host: a\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST "\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

#define CHUNKED "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
#define FORM "POST / HTTP/1.1\r\nContent-Type: " \
             "application/x-www-form-urlencoded\r\n"
#define CONTENT(LENGTH, BYTES) FORM "Content-Length: " LENGTH "\r\n\r\n" BYTES
#define CHUNKS(BYTES) FORM "Transfer-Encoding: chunked\r\n\r\n" BYTES

#endif /* http-driver.h */
