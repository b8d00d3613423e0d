/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_TAP_H
#define PP_TAP_H 1

/* Taps: the port by which a bridge's frames reach the engine. */

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/hmap.h"

struct pp_bridge;
struct pp_control;

struct pp_tap {
    char *name;                 /* Of the device and the port. */
    char *bridge;               /* Name. */
    char *error;                /* Why it cannot be had; else NULL. */
    uint16_t ofport;            /* 0: the switch has not made it yet. */
    bool made;                  /* The device is ours. */
    unsigned int ifindex;       /* Of the device that was made. */
    long long int next_look;    /* When to look whether it is still there. */
    int queue;                  /* Opened early; else negative. */
    bool attached;              /* The engine has its queue. */
    bool removing;
    bool again;                 /* The device was deleted: the port goes, and
                                 * then both are made again. */
    int mtu;                    /* As set. */
    long long int retry;        /* When to try again, or LLONG_MIN. */
    int64_t gone_cfg;           /* Database configuration without it. */
    long long int gone_deadline;
};

/* Makes, keeps and removes the taps and their ports, as bridges need them. */
void pp_tap_run(struct pp_control *);
void pp_tap_wait(struct pp_control *);

/* Can all that the bridges need go to the engine?  Lets it have those that
 * can. */
bool pp_tap_may_attach_all(const struct pp_control *);
void pp_tap_attach_all(struct pp_control *);

/* Opens the queues that the engine is to get, while another engine has one of
 * each yet: when that one ends, the frames wait in these. */
void pp_tap_open_early(struct pp_control *);

/* The engine has ended. */
void pp_tap_engine_gone(struct pp_control *);

/* Frees 'tap' and leaves device and port as they are. */
void pp_tap_forget(struct pp_tap *);

#endif /* pp-tap.h */
