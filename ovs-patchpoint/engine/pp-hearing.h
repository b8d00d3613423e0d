/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_HEARING_H
#define PP_HEARING_H 1

/* What servers say of themselves: whom control is to be told, how often. */

#include <stdbool.h>
#include <stdint.h>

#include "engine/pp-ipc.h"
#include "pp-proxy.h"

/* Room for its text. */
#define PP_SAID_MAX sizeof ((struct pp_ipc_said *) 0)->text

/* Services that are kept in mind; of more, some are told more often. */
#define PP_HEARING_MAX 1024

/* Between two words about one service that differ, and that are the same, in
 * ms; and how many are told in a second at most, of all. */
#define PP_HEARING_OTHER_MS 1000
#define PP_HEARING_SAME_MS 60000
#define PP_HEARING_RATE 200

struct pp_hearing {
    uint32_t basis;             /* For hashes that nobody can foresee. */
    uint64_t second;            /* Of 'n'. */
    uint32_t n;                 /* Told in it. */
    struct {
        uint64_t at;            /* When it was told, in ms; 0: never. */
        uint32_t key, text;     /* Hashes. */
    } told[PP_HEARING_MAX];
};

void pp_hearing_init(struct pp_hearing *, uint32_t basis);

/* Writes the pieces 'banner' of 'view' as text for struct pp_ipc_said, with
 * "; " between them.  What does not fit is left out. */
void pp_hearing_text(const struct pp_view *view,
                     const struct pp_span banner[PP_BANNER_PIECES],
                     char text[PP_SAID_MAX]);

/* Is 'said' to be told now?  Once it was: pp_hearing_told(). */
bool pp_hearing_is_news(struct pp_hearing *, const struct pp_ipc_said *said,
                        uint64_t now);
void pp_hearing_told(struct pp_hearing *, const struct pp_ipc_said *said,
                     uint64_t now);

#endif /* pp-hearing.h */
