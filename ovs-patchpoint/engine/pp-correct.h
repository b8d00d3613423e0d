/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_CORRECT_H
#define PP_CORRECT_H 1

/* Correct: what is done about a message that patches call for.
 *
 * The first hit, in the order of patch ids, that refuses, closes or drops
 * decides alone.  Else all edits are made together, and the proxy puts the
 * framing right.  Hits of patches that are only monitored change nothing. */

#include <stdbool.h>
#include <stdint.h>

#include "engine/pp-match.h"
#include "patch/pp-patch.h"
#include "pp-proxy.h"

enum pp_decision {
    PP_DECIDE_PASS,             /* As it came. */
    PP_DECIDE_EDIT,             /* 'edits'. */
    PP_DECIDE_REJECT,           /* 'reply', in the server's name. */
    PP_DECIDE_CLOSE,            /* 'close'; the unit does not pass. */
    PP_DECIDE_DROP,             /* The unit does not pass; all goes on. */
};

const char *pp_decision_name(enum pp_decision);

struct pp_correction {
    enum pp_decision decision;
    uint32_t patch, rule;       /* Who decided (of edits: the first), or
                                 * PP_NONE. */
    enum pp_close close;        /* PP_DECIDE_CLOSE, and PP_DECIDE_REJECT if
                                 * the connection ends: FIN or RESET. */
    struct pp_edits edits;      /* PP_DECIDE_EDIT; offsets in msg->view. */
    struct pp_reply reply;      /* PP_DECIDE_REJECT; for proxy->refuse(). */
    const char *failure;        /* Not NULL: the correction could not be made
                                 * as asked, and why.  'decision' is then
                                 * PP_DECIDE_CLOSE (reset): a message that a
                                 * patch calls for never passes as it is. */
};

/* Works out what to do about 'msg' after pp_match() found 'hits' in it.
 * 'now' is the time, in seconds since 1970.  What 'correction' points to is
 * in 'matcher' and in the message, and lasts until the next pp_match() or
 * parse(). */
void pp_correct(const struct pp_program *, const struct pp_msg *msg,
                const struct pp_hits *hits, struct pp_matcher *matcher,
                int64_t now, struct pp_correction *correction);

#endif /* pp-correct.h */
