/* SPDX-License-Identifier: Apache-2.0 */

/* Control's privileges; see pp-privileges.h.
 *
 * In: a process that was started as root, or as its own user with
 * capabilities.  Out: one with the least that works.  Runs in control, before
 * its main loop; owns nothing.
 *
 * Debian's Open vSwitch makes its sockets for root alone (root:root, 0750, in
 * a directory of root's).  To connect, a process has to be root, or to have
 * CAP_DAC_OVERRIDE.  A user of its own with that capability is the lesser
 * evil: it opens files, as root does even without any capability, since they
 * are root's own; but it is not the user to whom the system's services give
 * what root asks for (systemd, D-Bus and polkit go by the user id), it cannot
 * signal or trace root's processes, and a mount namespace in which files are
 * read-only, as of the systemd unit, holds for it all the same. */

#include <config.h>

#include "pp-privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "openvswitch/vlog.h"
#include "util.h"

#define CAP(NAME) (UINT64_C(1) << CAP_##NAME)

static const uint64_t needed
    = CAP(NET_ADMIN)            /* Makes taps and sets them up. */
      | CAP(DAC_OVERRIDE)       /* Open vSwitch's sockets and directories. */
      | CAP(SETUID) | CAP(SETGID)       /* Starts the engine as its user... */
      | CAP(SETPCAP)            /* ...without a bounding set... */
      | CAP(KILL);              /* ...and ends it. */

static char *
find_user(const char *text, uid_t *uid, gid_t *gid)
{
    char *name = xstrdup(text), *group = strchr(name, ':');
    const struct passwd *pw;
    char *error = NULL;

    if (group) {
        *group++ = '\0';
    }
    pw = getpwnam(name);
    if (!pw || !pw->pw_uid) {
        error = xasprintf("--user=%s: %s", text, pw
                          ? "ovs-patchpointd does not need to be root: leave "
                          "this out, or name another user"
                          : "there is no such user");
    } else {
        const struct group *gr = group && *group ? getgrnam(group) : NULL;

        *uid = pw->pw_uid;
        *gid = gr ? gr->gr_gid : pw->pw_gid;
        if (group && *group && !gr) {
            error = xasprintf("--user=%s: there is no such group", text);
        }
    }
    free(name);
    return error;
}

static bool
get_permitted(uint64_t *caps)
{
    struct __user_cap_header_struct hdr = {
        .version = _LINUX_CAPABILITY_VERSION_3,
    };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    if (syscall(SYS_capget, &hdr, data)) {
        return false;
    }
    *caps = data[0].permitted | (uint64_t) data[1].permitted << 32;
    return true;
}

/* Permitted and effective; 'inherited' are handed on to other programs, if
 * they are ambient, too. */
static bool
set_capabilities(uint64_t caps, uint64_t inherited)
{
    struct __user_cap_header_struct hdr = {
        .version = _LINUX_CAPABILITY_VERSION_3,
    };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
        { .effective = (uint32_t) caps, .permitted = (uint32_t) caps,
          .inheritable = (uint32_t) inherited },
        { .effective = caps >> 32, .permitted = caps >> 32 },
    };

    return !syscall(SYS_capset, &hdr, data);
}

/* Without CAP_SETPCAP this cannot be done, nor matters much: see
 * PR_SET_NO_NEW_PRIVS. */
static void
bound(uint64_t caps)
{
    for (int cap = 0; cap < 64; cap++) {
        if (!(caps >> cap & 1)) {
            prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
        }
    }
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

/* The ids that can be changed to are the engine's: CAP_SETUID is for no more
 * than that.  Root by such a change would have no more capabilities, but all
 * files. */
static bool
filter_ids(uid_t uid, gid_t gid)
{
    static const int others[] = {
        SCMP_SYS(setuid), SCMP_SYS(setgid), SCMP_SYS(setreuid),
        SCMP_SYS(setregid), SCMP_SYS(setfsuid), SCMP_SYS(setfsgid),
    };
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    const uint32_t deny = SCMP_ACT_ERRNO(EPERM);
    bool ok = ctx != NULL;

    for (size_t i = 0; ok && i < ARRAY_SIZE(others); i++) {
        ok = !seccomp_rule_add(ctx, deny, others[i], 0);
    }
    for (unsigned int arg = 0; ok && arg < 3; arg++) {
        const struct scmp_arg_cmp no_uid = SCMP_CMP32(arg, SCMP_CMP_NE,
                                                      uid ? uid : UINT32_MAX);
        const struct scmp_arg_cmp no_gid = SCMP_CMP32(arg, SCMP_CMP_NE,
                                                      gid ? gid : UINT32_MAX);

        ok = (!seccomp_rule_add_array(ctx, deny, SCMP_SYS(setresuid), 1,
                                      &no_uid)
              && !seccomp_rule_add_array(ctx, deny, SCMP_SYS(setresgid), 1,
                                         &no_gid));
    }
    ok = (ok && !seccomp_rule_add(ctx, deny, SCMP_SYS(setgroups), 1,
                                  SCMP_A0(SCMP_CMP_NE, 0))
          && !seccomp_load(ctx));
    seccomp_release(ctx);
    return ok;
}

char *
pp_privileges_drop(const char *user, uid_t engine_uid, gid_t engine_gid)
{
    bool change = user && !geteuid();
    uint64_t caps;
    uid_t uid = 0;
    gid_t gid = 0;
    char *error;

    error = user ? find_user(user, &uid, &gid) : NULL;
    if (error) {
        return error;
    } else if (user && !change && geteuid() != uid) {
        return xasprintf("--user=%s: only root can become another user",
                         user);
    } else if (uid && uid == engine_uid) {
        return xasprintf("--user=%s: this is the engine's user, which must "
                         "not be ovs-patchpointd's own (--engine-user)", user);
    } else if (!get_permitted(&caps)) {
        return xasprintf("cannot learn its capabilities: %s",
                         ovs_strerror(errno));
    }
    caps &= needed;
    bound(caps);
    if (change) {
        vlog_change_owner_unix(uid, gid);
        if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) || setgroups(0, NULL)
            || setresgid(gid, gid, gid) || setresuid(uid, uid, uid)) {
            return xasprintf("cannot become %s: %s", user,
                             ovs_strerror(errno));
        }
    }
    if (!set_capabilities(caps, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        || !filter_ids(engine_uid, engine_gid)) {
        return xasprintf("cannot give up privileges: %s",
                         ovs_strerror(errno));
    }
    return NULL;
}

bool
pp_privileges_may_become(void)
{
    uint64_t caps;

    return get_permitted(&caps) && caps & CAP(SETUID);
}

void
pp_privileges_lend(bool lend)
{
    uint64_t caps;

    if (get_permitted(&caps)) {
        uint64_t lent = lend ? caps & CAP(DAC_OVERRIDE) : 0;

        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        if (set_capabilities(caps, lent) && lent) {
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0,
                  0);
        }
    }
}
