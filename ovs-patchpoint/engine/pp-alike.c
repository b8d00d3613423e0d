/* SPDX-License-Identifier: Apache-2.0 */

/* Connections that are alike: see pp-alike.h.
 *
 * In: connections of one server with the same addresses and ports, and a
 * packet.  Out: whose it is.  Runs in the engine and in the offline tool, for
 * the flow stage; owns nothing. */

#include <config.h>

#include "engine/pp-alike.h"

#include <stdbool.h>
#include <stdlib.h>

#include "engine/pp-flow.h"
#include "engine/pp-pack.h"
#include "engine/pp-packet.h"
#include "util.h"

/* What matters of a connection here. */
struct view {
    uint16_t vlan[2];           /* By enum pp_dir; 0: not known yet. */
    bool over;                  /* Neither end takes anything more for it. */
    bool awaits_first, awaits_again;    /* The server's answer to a SYN... */
    uint32_t first, again;      /* ...with this number. */
};

static struct view
look(struct pp_conn_head *head)
{
    struct pp_conn *conn = (head->packed ? pp_unpack(head)
                            : CONTAINER_OF(head, struct pp_conn, head));
    const struct pp_half *to = &conn->half[PP_TO_SERVER];
    struct view v = {
        .vlan = { to->vlan, conn->half[PP_FROM_SERVER].vlan },
        .over = head->lru_list == PP_LRU_CLOSED,
        .first = to->isn,
        .again = conn->pending_isn,
        .awaits_again = conn->pending_syn,
    };

    v.awaits_first = to->has_isn && !v.vlan[PP_FROM_SERVER];
    if (head->packed) {
        free(conn);
    }
    return v;
}

static bool
awaits(const struct view *v, uint32_t isn)
{
    return ((v->awaits_first && v->first == isn)
            || (v->awaits_again && v->again == isn));
}

static enum pp_alike
from_client(const struct view *v, size_t n, uint16_t vlan,
            const struct pp_packet *pkt, size_t *index)
{
    bool syn = ((pkt->flags & (PP_TCP_SYN | PP_TCP_ACK | PP_TCP_RST))
                == PP_TCP_SYN);
    bool others = false, ambiguous = false;
    const struct view *this = NULL;

    for (size_t i = 0; i < n; i++) {
        if (v[i].vlan[PP_TO_SERVER] == vlan
            || (!this && !v[i].vlan[PP_TO_SERVER])) {
            this = &v[*index = i];
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (&v[i] != this) {
            others |= !v[i].over;
            ambiguous |= syn && awaits(&v[i], pkt->seq);
        }
    }
    if (ambiguous || (others && !syn
                      && !(this && this->vlan[PP_FROM_SERVER]))) {
        return PP_ALIKE_DROP;
    } else if (this) {
        return PP_ALIKE_THIS;
    } else if (!syn) {
        return PP_ALIKE_NONE;
    }
    return n < PP_ALIKE_MAX ? PP_ALIKE_NEW : PP_ALIKE_DROP;
}

/* May 'pkt' be the first of the server's for 'v', which may be one of several
 * connections? */
static bool
answers(const struct view *v, bool several, const struct pp_packet *pkt)
{
    uint8_t flags = pkt->flags & (PP_TCP_SYN | PP_TCP_ACK);

    if (flags == (PP_TCP_SYN | PP_TCP_ACK)) {
        return awaits(v, pkt->ack - 1);
    }
    /* A refusal, or both ends open (RFC 9293 3.5). */
    return (!several && v->awaits_first
            && (flags == PP_TCP_SYN
                || (flags == PP_TCP_ACK && pkt->ack == v->first + 1)));
}

static enum pp_alike
from_server(const struct view *v, size_t n, uint16_t vlan,
            const struct pp_packet *pkt, size_t *index)
{
    bool syn_ack = ((pkt->flags & (PP_TCP_SYN | PP_TCP_ACK))
                    == (PP_TCP_SYN | PP_TCP_ACK));
    const struct view *this = NULL, *answered = NULL;
    bool live = false;

    for (size_t i = 0; i < n; i++) {
        live |= !v[i].over;
        if (v[i].vlan[PP_FROM_SERVER] == vlan && (!this || this->over)) {
            this = &v[i];
        } else if (answers(&v[i], n > 1, pkt)) {
            answered = &v[i];
        }
    }
    if (answered && (!this || this->over)) {
        this = answered;
    }
    if (this) {
        *index = (size_t) (this - v);
        return PP_ALIKE_THIS;
    }
    return syn_ack && live ? PP_ALIKE_DROP : PP_ALIKE_NONE;
}

enum pp_alike
pp_alike(struct pp_conn_head *const heads[], size_t n, enum pp_dir dir,
         uint16_t vlan, const struct pp_packet *pkt, size_t *index)
{
    struct view v[PP_ALIKE_MAX];

    ovs_assert(n <= PP_ALIKE_MAX);
    for (size_t i = 0; i < n; i++) {
        v[i] = look(heads[i]);
    }
    return (dir == PP_TO_SERVER
            ? from_client(v, n, vlan, pkt, index)
            : from_server(v, n, vlan, pkt, index));
}
