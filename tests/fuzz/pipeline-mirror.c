/* SPDX-License-Identifier: Apache-2.0 */

/* What the server gets, looked at once more; see pipeline-mirror.h.
 *
 * In: what leaves for the server and what comes from it.  Out: nothing; aborts
 * on a finding.  Runs in the fuzz target; owns its copy of both streams. */

#include <config.h>

#include "pipeline-mirror.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pp-event.h"
#include "engine/pp-inspect.h"
#include "engine/pp-ipc.h"
#include "engine/pp-packet.h"
#include "openvswitch/dynamic-string.h"
#include "patch/pp-program.h"
#include "registry.h"
#include "util.h"

#define STREAM_MAX (256 * 1024) /* Bytes of a direction that are followed. */
#define ROOM 4096               /* The server has for all that is decided at
                                 * once. */

#define FOUND(...)                                      \
    do {                                                \
        fprintf(stderr, "to the server: " __VA_ARGS__); \
        fputc('\n', stderr);                            \
        abort();                                        \
    } while (0)

struct side {
    uint8_t data[STREAM_MAX];
    bool unseen[STREAM_MAX];    /* Skipped by its number alone. */
    size_t n;
    size_t decided;             /* Of these. */
    uint64_t skip;              /* Bytes of the next, or PP_FOREVER. */
    bool eof;
    bool waits;                 /* PP_STEP_WAIT. */
};

struct mirror {
    struct pp_inspector *ins;
    struct pp_inspect *state;
    struct pp_rules rules;
    const unsigned int *n_corrections;
    bool open;
    bool refuses;               /* What becomes opaque. */
    bool refused;               /* Nothing more is to leave. */
    bool cut;                   /* By the engine. */
    uint32_t start;             /* Sequence number of the first byte. */
    size_t acked;
    size_t edge;                /* The server takes nothing behind it. */
    struct side side[2];        /* By enum pp_dir. */
};

/* True if a condition of 'patch' may hold for what it has corrected, or for
 * what stands beside that: it escapes by doubling. */
static bool
doubles(const struct pp_program *program, uint32_t patch)
{
    const struct pp_program_patch *p = pp_program_patch(program, patch);
    bool once = false;

    for (uint32_t i = 0; i < p->n_rules; i++) {
        once |= pp_program_rules(program)[p->first_rule + i].once;
    }
    return once;
}

/* A condition holds for bytes that have left. */
static void
found(void *aux OVS_UNUSED, void *m_, const struct pp_hit_report *hit)
{
    const struct mirror *m = m_;
    const struct pp_program *program = m->rules.program;

    if (!*m->n_corrections || !doubles(program, hit->patch)) {
        struct ds values = DS_EMPTY_INITIALIZER;

        pp_event_format_values(hit->values, hit->n_values, &values);
        FOUND("the condition of %s still holds: %s",
              pp_program_patch_id(program, hit->patch), ds_cstr(&values));
    }
}

struct mirror *
mirror_create(const struct pp_program *program,
              const unsigned int *n_corrections, bool refuses)
{
    struct pp_patchset *set = xzalloc(pp_patchset_size(program));
    struct mirror *m = xzalloc(sizeof *m);
    size_t size = 0;

    pp_patchset_init(set, program);
    for (uint32_t i = 0; i < pp_program_n_patches(program); i++) {
        pp_patchset_set(set, program, i, PP_MODE_MONITOR);
    }
    for (size_t i = 0; pp_proxies[i]; i++) {
        size = MAX(size, PP_INSPECT_SIZE(pp_proxies[i]));
    }
    m->state = xzalloc(size);
    m->n_corrections = n_corrections;
    m->refuses = refuses;
    m->rules.program = program;
    m->rules.set = set;
    m->ins = pp_inspector_create(found);
    return m;
}

static void
side_clear(struct side *side)
{
    side->n = side->decided = 0;
    side->skip = 0;
    side->eof = side->waits = false;
}

void
mirror_open(struct mirror *m, const struct pp_proxy *proxy,
            const struct pp_ends *ends, uint32_t isn, uint16_t window)
{
    m->open = true;
    m->refused = m->cut = false;
    m->start = isn + 1;
    m->acked = 0;
    m->edge = window;
    m->rules.proxy = proxy;
    side_clear(&m->side[0]);
    side_clear(&m->side[1]);
    pp_inspect_init(m->state, proxy, ends);
}

void
mirror_close(struct mirror *m)
{
    m->open = false;
}

void
mirror_reset(struct mirror *m)
{
    m->open = m->refused = false;
}

bool
mirror_is_open(const struct mirror *m)
{
    return m->open;
}

bool
mirror_is_on(const struct mirror *m)
{
    return m->open || m->refused;
}

void
mirror_cut(struct mirror *m)
{
    m->cut = true;
}

/* 'n' bytes are decided. */
static void
take(struct side *side, size_t n, bool unseen)
{
    memset(side->unseen + side->decided, unseen, n);
    side->decided += n;
}

static void
skip(struct side *side)
{
    size_t n = (size_t) MIN(side->skip, side->n - side->decided);

    take(side, n, true);
    side->skip -= side->skip == PP_FOREVER ? 0 : n;
}

/* It is opaque from here on. */
static void
refuse(struct mirror *m)
{
    const struct side *side = &m->side[PP_TO_SERVER];

    if (m->refuses && side->decided < side->n) {
        FOUND("%"PRIuSIZE" opaque bytes have left", side->n - side->decided);
    }
    m->refused = m->refuses;
}

static bool
do_step(struct mirror *m, struct side *side, const struct pp_step *step)
{
    size_t here;

    switch (step->kind) {
    case PP_STEP_MORE:
        return false;

    case PP_STEP_WAIT:
        side->waits = true;
        return false;

    case PP_STEP_PASS:
        take(side, (size_t) step->count, false);
        return true;

    case PP_STEP_SKIP:
        /* What is there was looked at, perhaps. */
        here = (size_t) MIN(step->count, side->n - side->decided);
        take(side, here, false);
        side->skip = step->count - (step->count == PP_FOREVER ? 0 : here);
        return true;

    case PP_STEP_OPAQUE:
        refuse(m);
        mirror_close(m);
        return false;

    case PP_STEP_BAD:
        mirror_close(m);
        return false;

    case PP_STEP_SWALLOW:
    case PP_STEP_REFUSE:
    case PP_STEP_REPLY:
    case PP_STEP_CLOSE:
    default:
        FOUND("it would be corrected again (step %d)", step->kind);
    }
}

static void
look(struct mirror *m, enum pp_dir dir)
{
    struct side *side = &m->side[dir];
    bool moved = false;
    bool on = true;

    side->waits = false;
    while (on && m->open) {
        struct pp_view view;
        struct pp_step step;

        skip(side);
        if (side->decided == side->n) {
            break;
        }
        view = (struct pp_view) {
            .base = side->data + side->decided,
            .len = side->n - side->decided, .eof = side->eof,
        };
        pp_inspect_step(m->ins, m->state, &m->rules, dir, &view, m, &step);
        on = do_step(m, side, &step);
        moved |= on;
    }
    if (moved && m->open && m->side[!dir].waits) {
        look(m, !dir);
    }
}

static void
append(struct mirror *m, enum pp_dir dir, const uint8_t *p, size_t n)
{
    struct side *side = &m->side[dir];

    if (n > STREAM_MAX - side->n) {
        mirror_close(m);
    } else if (n) {
        memcpy(side->data + side->n, p, n);
        side->n += n;
    }
}

void
mirror_from_server(struct mirror *m, const uint8_t *p, size_t n, bool fin)
{
    struct side *side = &m->side[PP_FROM_SERVER];

    if (!m->open || side->eof) {
        return;                 /* Nothing comes behind a FIN. */
    }
    if (n && m->side[PP_TO_SERVER].n + ROOM > m->edge) {
        /* What was decided before may wait for the server's room, and leaves
         * behind what the server says now. */
        mirror_close(m);
        return;
    }
    append(m, PP_FROM_SERVER, p, n);
    side->eof = fin;
    look(m, PP_FROM_SERVER);
}

void
mirror_acked(struct mirror *m, uint32_t ack, uint16_t window)
{
    const struct side *side = &m->side[PP_TO_SERVER];
    size_t acked = ack - m->start;

    if (m->open && acked <= side->n + side->eof) {      /* With the FIN. */
        m->acked = MAX(m->acked, acked);
        m->edge = MAX(m->edge, acked + window);
    }
}

/* The 'n' bytes at 'p' stand at 'at', where others left before.  Returns how
 * many those were. */
static size_t
compare(const struct mirror *m, const uint8_t *p, size_t n, size_t at)
{
    const struct side *side = &m->side[PP_TO_SERVER];
    size_t old = at < side->n ? MIN(n, side->n - at) : 0;

    for (size_t i = m->acked > at ? m->acked - at : 0; i < old; i++) {
        bool unseen = at + i < side->decided && side->unseen[at + i];

        if (!unseen && side->data[at + i] != p[i]) {
            FOUND("byte %"PRIuSIZE" leaves as 0x%02x, and as 0x%02x before",
                  at + i, p[i], side->data[at + i]);
        }
    }
    return old;
}

void
mirror_to_server(struct mirror *m, const struct pp_packet *pkt)
{
    struct side *side = &m->side[PP_TO_SERVER];
    const uint8_t *payload = pkt->data + pkt->payload;
    int32_t at = (int32_t) (pkt->seq - m->start);
    size_t n = pkt->payload_len;
    size_t old;

    if (pkt->flags & (PP_TCP_RST | PP_TCP_SYN)) {
        return;
    }
    if (m->refused && n && at + (int64_t) n > (int64_t) side->n) {
        FOUND("%"PRIuSIZE" bytes at %d, behind opaque ones", n, at);
    }
    if (!m->open) {
        return;
    }
    if (pkt->flags & PP_TCP_URG) {
        FOUND("a segment with URG");
    }
    if (at < 0) {
        if (at + (int64_t) n > 0) {
            FOUND("bytes from before the stream, and on into it");
        }
        return;
    }
    if ((size_t) at > side->n) {
        /* What is before it may wait for the server's room. */
        if (n && side->skip != PP_FOREVER && (size_t) at + n <= m->edge
            && (size_t) at + n > side->decided + side->skip) {
            FOUND("bytes at %d, though %"PRIuSIZE" have left", at, side->n);
        }
        mirror_close(m);        /* What is skipped may come in any order. */
        return;
    }
    old = compare(m, payload, n, (size_t) at);
    append(m, PP_TO_SERVER, payload + old, n - old);
    side->eof = side->eof || (pkt->flags & PP_TCP_FIN && !m->cut);
    look(m, PP_TO_SERVER);
}
