/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_FRAMES_H
#define PP_FRAMES_H 1

/* Frames that flows of ours have the switch send to control. */

#include <stdbool.h>

struct ofp_header;
struct pp_bridge;
struct pp_control;

/* Handles a packet-in message.  Returns true when that changes what is known
 * of the bridge. */
bool pp_frames_handle(struct pp_control *, struct pp_bridge *,
                      const struct ofp_header *);

#endif /* pp-frames.h */
