/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PROXY_CHECKS_H
#define PROXY_CHECKS_H 1

/* What every proxy is tested for in the same way: see proxy-driver.h for how
 * it is driven.  A check that fails ends the test. */

#include "proxy-driver.h"

/* What a client of TLS might begin with: a record of 257 bytes. */
#define X16 "xxxxxxxxxxxxxxxx"
#define X32 X16 X16
#define X64 X32 X32
#define TLS_HELLO "\026\003\001\001\001\001" X64 X64 X64 X64

/* What both sides send in turn, and the log that it comes to.  A NULL ends it.
 * A "" of the client's is FIN, of the server's nothing. */
struct vector {
    const char *name;
    uint32_t wants;
    const char *log;
    const char *sends[16];
};

/* Runs it whole, at every cut in two, and in small pieces: to the same each
 * time.  The client sends first, or with 'first' PP_FROM_SERVER the server. */
void vector_check(const struct vector *);
void vector_check_first(const struct vector *, enum pp_dir first);

/* What reply_when() says of each unit to the server: 'n', now, 'w', wait, or
 * '-', never.  The client sends first. */
struct when_vector {
    const char *whens;
    const char *sends[8];
};

void when_check(const struct when_vector *, uint32_t wants);

/* What refuse() makes of 'reply' to the last unit in 'send', and whether the
 * connection is closed. */
void refuse_check(const struct pp_reply *reply, uint32_t wants,
                  const char *send, const char *expect, bool close);

/* What the fields of the 'nth' unit in 'send' are: pairs of a field, such as
 * "headers.3.value", and its value as text, in which a NUL is "\\0".  Ends
 * with NULL. */
struct field_vector {
    const char *send;
    unsigned int nth;
    const char *expect[40];
};

/* 'conn' may have been used before; it is freed. */
void fields_check(struct test_conn *conn, const struct field_vector *);

/* What is done to the 'nth' unit in 'send', and what it becomes. */
struct edit_vector {
    const char *send;
    unsigned int nth;
    const char *fields[8];      /* A field to delete; "field=value": to
                                 * replace. */
    const char *result;         /* NULL: reframe() refuses. */
};

/* As fields_check(). */
void edits_check(struct test_conn *conn, const struct edit_vector *);

#endif /* proxy-checks.h */
