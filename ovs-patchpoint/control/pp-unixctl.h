/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_UNIXCTL_H
#define PP_UNIXCTL_H 1

#include <stdbool.h>

struct pp_control;
struct unixctl_conn;

/* What exit asked for. */
struct pp_exit {
    bool asked;
    bool restart;               /* Leave switch and engine as they are. */
    struct unixctl_conn *conn;  /* To be answered at the end; may be NULL. */
};

/* Registers our ovs-appctl commands. */
void pp_unixctl_init(struct pp_control *, struct pp_exit *);

#endif /* pp-unixctl.h */
