/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_FUNC_H
#define PP_FUNC_H 1

/* The named functions that expressions may call.
 *
 * Each is pure: values in, a value out.  What it must compute goes into the
 * arena; it returns false only when that is full.  None takes longer than a
 * small multiple of its arguments' lengths.
 *
 * To add one: its C function (pp-func-text.c, pp-func-number.c,
 * pp-func-path.c, pp-func-decode.c; one that a particular server has: in
 * pp-func-server.c, or pp-func-ftp.c for FTP), its declaration in
 * pp-func-private.h, one entry in the table in pp-func.c, its line in
 * ovs-patchpoint-patch(5), and its cases in tests/unit/test-expr.c. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "patch/pp-bytes.h"
#include "pp-value.h"

#define PP_FUNC_ARGS_MAX 4

struct pp_func {
    const char *name;
    /* Types: 's' bytes, 'i' integer, 'b' condition, 'v' version, 'c' a
     * character class (a constant; comes as 32 bytes, a bit for each byte
     * value), 'n' networks (a constant; comes as struct pp_net's).  The
     * result's, then a colon, then the arguments'. */
    const char *signature;
    unsigned int cost;          /* Nominal; a comparison is 1. */
    bool (*run)(struct pp_arena *, const struct pp_value *args,
                struct pp_value *result);
    const char *doc;            /* One full sentence. */
};

/* A network: all addresses of 'n' bytes that begin with the 'prefix' bits of
 * 'address'. */
struct pp_net {
    uint8_t n;                  /* 4 or 16. */
    uint8_t prefix;
    uint8_t address[16];
};

/* Reads "192.0.2.0/24", "2001:db8::/32", or an address alone.  Returns NULL,
 * or what is wrong. */
const char *pp_net_parse(struct pp_bytes, struct pp_net *);

/* Are these the bytes of struct pp_net's? */
bool pp_nets_check(struct pp_bytes);

/* Those in pp-func-address.c, and pp-func-ftp.c. */
bool pp_func_in_net(struct pp_arena *, const struct pp_value *,
                    struct pp_value *);
bool pp_func_ip_address(struct pp_arena *, const struct pp_value *,
                        struct pp_value *);
bool pp_func_ip_text(struct pp_arena *, const struct pp_value *,
                     struct pp_value *);

/* Those in pp-func-server.c. */
bool pp_func_python_repr(struct pp_arena *, const struct pp_value *,
                         struct pp_value *);
bool pp_func_ftp_srv_host(struct pp_arena *, const struct pp_value *,
                          struct pp_value *);
bool pp_func_npm_ip(struct pp_arena *, const struct pp_value *,
                    struct pp_value *);
bool pp_func_node_ascii(struct pp_arena *, const struct pp_value *,
                        struct pp_value *);
bool pp_func_latin1_upper(struct pp_arena *, const struct pp_value *,
                          struct pp_value *);
bool pp_func_qs_without(struct pp_arena *, const struct pp_value *,
                        struct pp_value *);

/* Ends with a NULL name. */
extern const struct pp_func pp_funcs[];

unsigned int pp_func_count(void);

/* Index of the function 'name', of 'n' bytes, in the table, or -1. */
int pp_func_by_name(const char *name, size_t n);

static inline enum pp_type
pp_func_type(char letter)
{
    return (letter == 'i' ? PP_TYPE_INT
            : letter == 'b' ? PP_TYPE_BOOL
            : letter == 'v' ? PP_TYPE_VERSION : PP_TYPE_BYTES);
}

/* A number that changes whenever names or signatures do. */
uint64_t pp_func_fingerprint(void);

#endif /* pp-func.h */
