/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_PATCH_H
#define PP_PATCH_H 1

/* One patch, as its YAML file says it: see ovs-patchpoint-patch(5).
 *
 * A patch that pp_patch_parse() returns is sound: its expressions are typed,
 * its corrections fit its proxy.  Its vectors have not been run yet. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "patch/pp-errors.h"
#include "pp-proxy.h"
#include "pp-value.h"

struct pp_affects;
struct pp_expr;
struct pp_param;
struct pp_param_choice;

/* Limits of a patch file.  What is beyond is refused. */
#define PP_PATCH_FILE_MAX (1024 * 1024)     /* Bytes. */
#define PP_PATCH_DEPTH_MAX 16               /* Nested YAML collections. */
#define PP_PATCH_NODES_MAX 20000            /* YAML nodes in a file. */
#define PP_PATCH_RULES_MAX 32
#define PP_PATCH_VECTORS_MAX 500
#define PP_PATCH_TURNS_MAX 200              /* In one vector. */
#define PP_PATCH_VECTOR_BYTES_MAX (4 << 20) /* In all vectors of a patch. */
#define PP_PATCH_ID_MAX 64                  /* Bytes in an id. */
#define PP_PATCH_STATES_MAX 8               /* Values kept of a connection. */

enum pp_correct_kind {
    PP_CORRECT_REJECT,          /* The protocol's own error. */
    PP_CORRECT_CLOSE,           /* End the connection, no word said. */
    PP_CORRECT_DROP,            /* The unit vanishes; all goes on. */
    PP_CORRECT_DELETE,          /* 'target' is taken out. */
    PP_CORRECT_REPLACE,         /* 'target' becomes 'with'. */
    PP_CORRECT_TRUNCATE,        /* 'target' keeps its first 'with' bytes. */
    PP_CORRECT_CLAMP,           /* The number in 'target' is moved to 'low' or
                                 * 'high' if it is beyond. */
    PP_CORRECT_INSERT_BEFORE,   /* 'with' is put in front of 'target'. */
    PP_CORRECT_INSERT_AFTER,    /* 'with' is put behind 'target'. */
    PP_CORRECT_SET,             /* Nothing; 'sets' are made. */
};

/* How a number is written where it is clamped. */
enum pp_number_form {
    PP_FORM_DECIMAL,            /* Digits, with a sign if need be. */
    PP_FORM_HEX,                /* Digits. */
    PP_FORM_BE,                 /* 1 to 8 bytes, without a sign. */
    PP_FORM_LE,
    PP_N_FORMS
};

const char *pp_correct_kind_name(enum pp_correct_kind);

struct pp_reject_header {
    struct pp_expr *name;
    struct pp_expr *value;
};

/* What the patch keeps of a connection: an integer or a flag. */
struct pp_patch_state {
    char *name;
    enum pp_type type;
    bool is_set;                /* By some rule. */
};

/* A new value for one of these. */
struct pp_set {
    uint32_t state;             /* In the patch. */
    struct pp_expr *value;
    char *text;                 /* As written, for people. */
};

/* One condition and its correction. */
struct pp_rule {
    unsigned int event;         /* Index into the proxy's events. */
    struct pp_expr *each;       /* A list, or NULL. */
    struct pp_expr *when;       /* A condition. */
    char *each_text;            /* As written, for people; may be NULL. */
    char *when_text;            /* As written, for people. */
    char *same_as_vendor;       /* May be NULL: then the patch's. */
    unsigned int line;          /* Where in the file. */

    enum pp_correct_kind kind;
    struct pp_expr *target;     /* Edits.  NULL: the element. */
    struct pp_expr *with;       /* Edits that put or count something. */
    struct pp_expr *low;        /* Clamp: integers, or NULL. */
    struct pp_expr *high;
    enum pp_number_form form;
    bool once;                  /* Insert: not to what was corrected. */
    bool reset;                 /* Close, reject with close: RST, not FIN. */

    int64_t status;             /* Reject. */
    struct pp_expr *reason;     /* NULL: the protocol's usual words. */
    struct pp_expr *body;       /* NULL: none. */
    bool raw;                   /* 'body' is the whole reply. */
    bool close;                 /* The server closes after it. */
    struct pp_reject_header *headers;
    size_t n_headers;
    struct pp_set *sets;        /* Set. */
    size_t n_sets;
};

/* Vectors: what a patch does to whole conversations. */

enum pp_turn_kind {
    PP_TURN_CLIENT,             /* The client sends 'bytes'. */
    PP_TURN_SERVER,             /* The server sends 'bytes'. */
    PP_TURN_CLIENT_END,         /* The client sends FIN. */
    PP_TURN_SERVER_END,         /* The server sends FIN. */
    PP_TURN_EXPECT,             /* Since the last: what came out. */
};

enum pp_close {
    PP_CLOSE_NONE,
    PP_CLOSE_FIN,
    PP_CLOSE_RESET,
};

struct pp_turn {
    enum pp_turn_kind kind;
    unsigned int line;
    struct pp_bytes bytes;      /* Sent. */
    struct pp_bytes to_client;  /* Expected; "${date}" is filled in. */
    struct pp_bytes to_server;
    enum pp_close close;
};

/* The time that "${date}" stands for when vectors run: RFC 9110's own
 * example, Sun, 06 Nov 1994 08:49:37 GMT. */
#define PP_VECTOR_NOW 784111777

struct pp_vector {
    char *name;
    bool exploit;               /* Else benign. */
    unsigned int line, column;
    struct pp_ends ends;        /* Who the client and the server are. */
    struct pp_turn *turns;
    size_t n_turns;
    struct pp_param_choice *params;     /* Other values than the defaults. */
    size_t n_params;
};

struct pp_patch {
    uint8_t digest[20];         /* SHA-1 of its text. */
    char *id;
    char *file;
    char *title;
    char *vendor;
    char *same_as_vendor;       /* May be NULL when every rule has one. */
    double severity;            /* CVSS, 0.0 to 10.0. */
    struct pp_affects *affects;
    size_t n_affects;
    const struct pp_proxy *proxy;
    struct pp_param *params;
    size_t n_params;
    struct pp_patch_state *states;
    size_t n_states;
    struct pp_rule *rules;
    size_t n_rules;
    struct pp_vector *vectors;
    size_t n_vectors;
};

/* Reads the patch in the 'n' bytes at 'text'.  'file' is its name, for errors
 * and for the id it must have.  'proxies' ends with NULL.  Returns the patch,
 * which the caller destroys, or NULL, with at least one error added. */
struct pp_patch *pp_patch_parse(const char *file, const char *text, size_t n,
                                const struct pp_proxy *const *proxies,
                                struct pp_errors *errors);

/* The same from the file itself. */
struct pp_patch *pp_patch_read(const char *file,
                               const struct pp_proxy *const *proxies,
                               struct pp_errors *errors);

void pp_patch_destroy(struct pp_patch *);

/* NULL if 'id' may be a patch's id, or why not, in words, to be freed. */
char *pp_patch_id_fault(const char *id);

#endif /* pp-patch.h */
