/* SPDX-License-Identifier: Apache-2.0 */

/* Frames that go around the stage under its world, as when a switch has lost
 * the engine's flows.
 *
 * In: frames for the stage.  Out: the same, straight to the other end; what
 * the stage sends meanwhile gets lost.  Runs in unit tests only. */

#include <config.h>

#include "stream-want.h"

#include <string.h>

#include "util.h"

void
world_may_go_around(struct world *w, unsigned int arounds)
{
    w->arounds = arounds;
    /* The server is on the same host: what it has sent and not been given yet
     * is not under way for long. */
    w->net.near[PP_FROM_SERVER] = true;
}

/* Has 'e' a timestamp that tells it what is foreign? */
static bool
is_guarded(const struct tcp_end *e)
{
    uint32_t ahead = e->ts_recent - (e->peer_isn + (uint32_t) e->net->now);

    return e->ts_on && (int32_t) ahead > 1 << 29;
}

bool
world_goes_around(struct world *w, struct tcp_frame *f)
{
    static struct pp_counters ignore;
    struct virtio_net_hdr vnet;
    struct pp_packet pkt;
    enum pp_dir dir = f->dir;
    uint32_t life = w->net.life;
    uint64_t in;

    if (!(w->around & 1 << dir)) {
        return false;
    }
    memcpy(&vnet, f->data, sizeof vnet);
    pp_packet_in(&pkt, &vnet, f->data + sizeof vnet, f->len - sizeof vnet,
                 &ignore);
    if (pkt.flags & PP_TCP_FIN && !pkt.payload_len) {
        /* Lost: the model's ends have no SACK block for a FIN alone, as real
         * ones do. */
        return true;
    }
    tcp_seen.frames_around++;
    TCP_TRACE("%llu: goes around to %s", (unsigned long long) w->net.now,
              w->end[!dir].name);
    w->went_around = w->net.around = true;
    w->net.fin_around |= (pkt.flags & PP_TCP_FIN) != 0;
    w->end[PP_FROM_SERVER].minds_urgent = false;
    if (w->conn && (pp_stream_is_edited(w->conn)
                    || w->conn->state == PP_CONN_CLOSING)) {
        tcp_seen.foreign_frames++;
        w->net.foreign = true;
        if (!is_guarded(&w->end[!dir])) {
            tcp_seen.foreign_without_timestamps++;
            w->unguarded |= (uint8_t) (1 << dir);
            w->net.misled = true;
        }
    } else if (!(pkt.flags & PP_TCP_SYN)) {
        in = offset_of(w->end[dir].isn, pkt.seq, w->end[dir].out.n)
             + pp_packet_seg_len(&pkt);
        if (pp_packet_seg_len(&pkt) && (int64_t) in > 0) {
            tcp_seen.bytes_around += pkt.payload_len;
            w->around_end[dir] = MAX(w->around_end[dir], in);
        }
    }
    w->net.life = f->life;
    tcp_net_send(&w->net, false, dir, f->data, f->len);
    w->net.life = life;
    w->net.foreign = false;
    return true;
}

void
world_goes_around_no_more(struct world *w)
{
    w->around = 0;
    w->st.now = w->net.now;
    pp_stream_went_around(&w->st);
}
