/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_CUTS_H
#define PP_CUTS_H 1

/* Cuts: connections that the switch leads past the engine, which has asked for
 * it (engine/pp-cut.h).
 *
 * Each has an exact flow in the policy table for what the server sends, and,
 * once the engine wants that, one for what the client sends: below IP
 * fragments and pinned connections, above the policies' ports.  They match no
 * SYN, FIN or RST, and only while the ports that are redirected of the server
 * are what they were; the switch takes them away when they are idle, and
 * tells.  They are no part of what pp_flows_put() says should be there: nobody
 * puts them back.
 *
 * A cut ends when the engine asks for it, when the policy of its server or the
 * patches change, when one of its flows goes, when the engine dies, and when
 * the connection to the switch is made anew.  The engine is told when the
 * switch has confirmed that nothing is left of it.  No new engine gets a
 * bridge's frames before the cuts of the one before it are gone. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/pp-ipc.h"
#include "openvswitch/types.h"

struct ds;
struct pp_bridge;
struct pp_control;

/* Cookies: this in the upper half, the cut's number in the lower. */
#define PP_CUT_COOKIE UINT64_C(0x5061744300000000)      /* "PatC" */
#define PP_CUT_COOKIE_MASK UINT64_C(0xffffffff00000000)

/* How many there may be at a time, up to PP_CUTS_MAX. */
#define PP_CUTS_DEFAULT 1024
void pp_cuts_set_max(uint32_t max);
uint32_t pp_cuts_max(void);

/* What the engine has said: a message of 'n' bytes.  Returns NULL, or what is
 * wrong with it. */
const char *pp_cuts_handle(struct pp_control *, const struct pp_ipc_cuts *,
                           size_t n);

/* The engine is no more. */
void pp_cuts_engine_gone(void);

/* Other patches are in force from now on. */
void pp_cuts_patches_changed(void);

/* After policy: ends the cuts whose policy is not what it was. */
void pp_cuts_check(const struct pp_control *);

/* Does what there is to do in the switches, and tells the engine. */
void pp_cuts_run(struct pp_control *);

/* May a new engine have the frames of 'br'? */
bool pp_cuts_may_attach(const struct pp_bridge *br);

/* May any flows of cuts be on 'br'? */
bool pp_cuts_any(const struct pp_bridge *br);

/* From the connection to a bridge's switch: it is a new one; a flow of a cut
 * was removed, having led 'packets' and 'bytes'; one was put there that is not
 * ours, as it seems; a barrier (true if an engine may have the frames now that
 * might not before); the switch has refused a message (true if it was about a
 * cut). */
void pp_cuts_connected(struct pp_bridge *);
void pp_cuts_removed(struct pp_bridge *, uint64_t cookie, uint64_t packets,
                     uint64_t bytes);
void pp_cuts_alien(struct pp_bridge *, uint64_t cookie);
bool pp_cuts_barrier(struct pp_bridge *, ovs_be32 xid);
bool pp_cuts_refused(struct pp_bridge *, ovs_be32 xid);

/* For people: all of them; those on 'br'. */
void pp_cuts_format(struct ds *);
size_t pp_cuts_count(const struct pp_bridge *br);

void pp_cuts_destroy(void);

#endif /* pp-cuts.h */
