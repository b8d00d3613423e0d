/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_SERVICES_FRAME_H
#define PP_SERVICES_FRAME_H 1

/* Frames that tell of services. */

#include <stdint.h>

struct ofputil_packet_in;
struct pp_bridge;
struct pp_control;

/* The switch sent a copy of a frame, 'pin', that came in by 'port' of the
 * bridge: PP_FRAME_LISTENS or PP_FRAME_SPEAKS. */
void pp_services_frame(struct pp_control *, const struct pp_bridge *,
                       uint16_t port, const struct ofputil_packet_in *pin);

#endif /* pp-services-frame.h */
