/* SPDX-License-Identifier: Apache-2.0 */

/* Watching the places that patches come from; see pp-watch.h.
 *
 * In: inotify's events.  Out: a reload.  What changes in quick succession, as
 * when a package is installed, is waited for to its end, but not forever.  All
 * watches are made anew before each reload, so that nothing that changes while
 * it goes on is missed, and directories that come and go need no bookkeeping.
 * Of a path that is not there the nearest directory above it is watched.
 *
 * Runs in control's main loop.  Owns the inotify descriptor. */

#include <config.h>

#include "pp-watch.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "patch/pp-pool.h"
#include "pp-control.h"
#include "pp-patches.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_watch);

/* How long all has to be quiet, and how long that is waited for, in ms. */
#define QUIET_MS 200
#define PATIENCE_MS 2000

#define EVENTS (IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO \
                | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB)

/* A directory that is watched. */
struct place {
    int wd;
    bool inside;                /* Patches are in it. */
    bool incomplete;            /* One of the paths is below it, but its
                                 * directory is not there. */
};

static int fd = -1;
static struct place *places;
static size_t n_places, allocated_places;
static long long int first, last;       /* Changes not yet loaded; 0: none. */
static bool unfinished;         /* The last one was that a file was made, not
                                 * that it was closed. */

static struct place *
find_place(int wd)
{
    for (size_t i = 0; i < n_places; i++) {
        if (places[i].wd == wd) {
            return &places[i];
        }
    }
    return NULL;
}

static void
watch(const char *path, bool inside, bool incomplete)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);
    int wd = inotify_add_watch(fd, path, EVENTS);
    struct place *place;

    if (wd < 0) {
        if (errno != ENOENT) {
            VLOG_WARN_RL(&rl, "%s: cannot be watched (%s): after changes "
                         "there, run: ovs-appctl -t ovs-patchpointd "
                         "patch/reload", path, ovs_strerror(errno));
        }
        return;
    }
    place = find_place(wd);
    if (!place) {
        if (n_places == allocated_places) {
            places = x2nrealloc(places, &allocated_places, sizeof *places);
        }
        place = &places[n_places++];
        *place = (struct place) { .wd = wd };
    }
    place->inside |= inside;
    place->incomplete |= incomplete;
}

/* Watches the directory 'path' and what is below it. */
static void
watch_directory(const char *path, unsigned int depth)
{
    const struct dirent *entry;
    struct stat s;
    DIR *dir;

    watch(path, true, false);
    dir = depth < PP_POOL_DEPTH_MAX ? opendir(path) : NULL;
    while (dir && (entry = readdir(dir))) {
        char *child = xasprintf("%s/%s", path, entry->d_name);

        if (entry->d_name[0] != '.' && !stat(child, &s)
            && S_ISDIR(s.st_mode)) {
            watch_directory(child, depth + 1);
        }
        free(child);
    }
    if (dir) {
        closedir(dir);
    }
}

/* Watches whatever has to change for 'path' to. */
static void
watch_path(const char *path)
{
    char *above = dir_name(path);
    bool incomplete = false;
    struct stat s;

    if (!stat(path, &s) && S_ISDIR(s.st_mode)) {
        watch_directory(path, 1);
    }
    /* It may be replaced, or come. */
    while (stat(above, &s) && strcmp(above, "/") && strcmp(above, ".")) {
        char *next = dir_name(above);

        free(above);
        above = next;
        incomplete = true;
    }
    watch(above, false, incomplete);
    free(above);
}

void
pp_watch_start(const struct pp_control *ctl)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);

    pp_watch_stop();
    fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0) {
        VLOG_WARN_RL(&rl, "patches cannot be watched (%s): after changes run: "
                     "ovs-appctl -t ovs-patchpointd patch/reload",
                     ovs_strerror(errno));
        return;
    }
    for (size_t i = 0; i < ctl->n_patch_paths; i++) {
        watch_path(ctl->patch_paths[i]);
    }
}

/* Is 'name' the last part of one of the paths? */
static bool
is_path(const struct pp_control *ctl, const char *name)
{
    for (size_t i = 0; i < ctl->n_patch_paths; i++) {
        char *base = base_name(ctl->patch_paths[i]);
        bool same = !strcmp(base, name);

        free(base);
        if (same) {
            return true;
        }
    }
    return false;
}

/* May 'event' be about patches?  Editors' files are none. */
static bool
matters(const struct pp_control *ctl, const struct inotify_event *event)
{
    const struct place *place = find_place(event->wd);
    size_t n = event->len ? strlen(event->name) : 0;

    if (event->mask & IN_Q_OVERFLOW) {
        return true;            /* Whatever it was. */
    } else if (!place || event->mask & IN_IGNORED) {
        return false;
    } else if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF)) {
        return true;
    } else if (!n || event->mask & IN_ISDIR) {
        return (place->inside || place->incomplete
                || (n && is_path(ctl, event->name)));
    } else if (is_path(ctl, event->name)) {
        return true;
    }
    return (place->inside && event->name[0] != '.' && n > 5
            && !strcmp(event->name + n - 5, ".yaml"));
}

static void
note_change(const struct inotify_event *event)
{
    last = time_msec();
    first = first ? first : last;
    unfinished = (event->mask & (IN_CREATE | IN_ISDIR)) == IN_CREATE;
}

static void
read_events(const struct pp_control *ctl)
{
    union {
        char bytes[64 * (sizeof(struct inotify_event) + NAME_MAX + 1)];
        struct inotify_event align;
    } buffer;
    ssize_t n;

    while (fd >= 0 && (n = read(fd, &buffer, sizeof buffer)) > 0) {
        for (char *p = buffer.bytes; p < buffer.bytes + n; ) {
            const struct inotify_event *event
                = ALIGNED_CAST(const struct inotify_event *, p);

            if (matters(ctl, event)) {
                note_change(event);
            }
            p += sizeof *event + event->len;
        }
    }
}

/* When it is time to load.  A link is not closed when it was made, so that
 * there is an end to that, too. */
static long long int
due(void)
{
    return (unfinished ? last + PATIENCE_MS
            : MIN(last + QUIET_MS, first + PATIENCE_MS));
}

void
pp_watch_run(struct pp_control *ctl)
{
    read_events(ctl);
    if (first && time_msec() >= due()) {
        first = last = 0;
        pp_watch_start(ctl);
        VLOG_INFO("patches have changed");
        pp_patches_reload(ctl);
    }
}

void
pp_watch_wait(void)
{
    if (fd >= 0) {
        poll_fd_wait(fd, POLLIN);
    }
    if (first) {
        poll_timer_wait_until(due());
    }
}

void
pp_watch_stop(void)
{
    if (fd >= 0) {
        close(fd);
        fd = -1;
    }
    free(places);
    places = NULL;
    n_places = allocated_places = 0;
}
