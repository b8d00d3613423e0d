/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PROXY_DRIVER_H
#define PROXY_DRIVER_H 1

/* A connection under test, which an engine of a few lines drives. */

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pp-proxy.h"

extern const struct pp_proxy *proxy;    /* The proxy under test. */

/* One direction of a connection under test. */
struct side {
    char data[1 << 19];
    size_t start, len;          /* First byte not let go; bytes there are. */
    uint64_t skip;              /* Bytes to come that are let go unseen. */
    bool eof, over;
};

/* A connection under test.  'log' is what became of it: a unit as its
 * event's letter and its bytes, or how many, in <>, skipped bytes as their
 * number, with '!' where they are swallowed, and why it is not followed any
 * more, in (). */
struct test_conn {
    uint64_t state[64];
    uint32_t wants;
    bool open;                  /* What is bad passes. */
    struct side sides[2];
    char log[1 << 17];
    size_t log_len;
    uint64_t skipped;
    bool swallowed;
    enum pp_outcome outcome[32];        /* Of the units, in their order. */
    char said[512];             /* What the server said it is: its pieces, a
                                 * '|' behind each... */
    unsigned int n_said;        /* ...and how often. */
    unsigned int n_units;
    unsigned int n_interim;     /* Replies while a unit was undecided. */

    /* Called for each unit; may edit, ask for fields and so on. */
    void (*look)(struct test_conn *, const struct pp_msg *);
};

/* Sets the proxy 'name' and its scratch memory up, and frees that.  The log
 * has letters[EVENT] for each unit, and with 'lengths' no bytes. */
void driver_init(const char *name, const char *letters, bool lengths);
void driver_free(void);
/* main() of a program whose 'suite' is about one proxy: sets that up, runs the
 * suite, and frees both. */
int driver_main(const char *name, const char *letters, bool lengths,
                Suite *suite);

/* A new connection; to be freed with free(). */
struct test_conn *conn_new(uint32_t wants);

/* One side sends 'n' bytes, or FIN; all that follows from it happens. */
void conn_send(struct test_conn *, enum pp_dir, const char *, size_t n);
void conn_eof(struct test_conn *, enum pp_dir);

/* Logs the bytes that were skipped last: to be called at the end. */
void log_skip(struct test_conn *);

/* Splits "headers.3.value" into a field, an index and a field of the element;
 * '*sub' is -1 for a field as a whole, or an element. */
unsigned int field_find(const char *path, uint32_t *index, int *sub);

/* Writes the value of the field 'path' as text, a NUL in it as "\0". */
void field_text(const struct pp_msg *, const char *path, char *text,
                size_t n);

/* Checks that the manual page of the proxy tells of every field, in the words
 * of its table, and of every reason. */
void driver_check_manual(void);

/* The same of events. */
void driver_check_manual_events(void);

#endif /* proxy-driver.h */
