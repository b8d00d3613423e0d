/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_REPLAY_H
#define PP_REPLAY_H 1

/* A capture through the pipeline. */

#include <stdbool.h>

struct pp_pool;

struct pp_replay {
    const struct pp_pool *pool; /* All of it is in force. */
    const char *in;             /* A file, which is read twice. */
    const char *out;            /* Another one, or NULL. */
    const char *ports;          /* "PROXY:PORT[,PORT...]", or NULL. */
    bool monitor;               /* Correct nothing. */
    bool json, quiet;
};

/* Returns true, or false with '*error' saying why not, to be freed. */
bool pp_replay(const struct pp_replay *, char **error);

#endif /* pp-replay.h */
