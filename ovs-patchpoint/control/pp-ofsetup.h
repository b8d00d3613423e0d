/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_OFSETUP_H
#define PP_OFSETUP_H 1

/* What a switch is asked for when a connection to it has come up: to tell of
 * flows that change, and to send frames and word of flows that go. */

#include "openvswitch/ofp-protocol.h"

struct rconn;

void pp_ofsetup_send(struct rconn *, enum ofputil_protocol);

#endif /* pp-ofsetup.h */
