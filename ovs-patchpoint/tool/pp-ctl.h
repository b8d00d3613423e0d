/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_CTL_H
#define PP_CTL_H 1

/* Commands of ovs-patchpointctl(8) beyond those of OVS's db-ctl-base, which
 * every such tool has. */

#include "db-ctl-base.h"

struct ovsdb_idl;

/* Those that change things, and those that show them; each array ends with a
 * null name. */
extern const struct ctl_command_syntax pp_ctl_change_commands[];
extern const struct ctl_command_syntax pp_ctl_show_commands[];

/* The row of PatchPoint, made if there is none. */
const struct pprec_patchpoint *pp_ctl_get_global(struct ctl_context *);

/* What is wrong with the policies that this invocation has made or changed, as
 * the daemons have written it, a line each; or NULL.  To be freed. */
char *pp_ctl_policy_errors(const struct ovsdb_idl *);

#endif /* pp-ctl.h */
