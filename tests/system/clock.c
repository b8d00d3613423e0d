/* SPDX-License-Identifier: Apache-2.0 */

/* For faults.py: a wall clock that it can set, for those processes alone that
 * are started with this in LD_PRELOAD.  $PP_CLOCK names a file with the number
 * of seconds, 64 bits, by which the clock is wrong. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *wrong;
static int (*real_clock_gettime)(clockid_t, struct timespec *);

__attribute__((constructor))
static void
start(void)
{
    const char *name = getenv("PP_CLOCK");
    int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    void *p;

    real_clock_gettime = (int (*)(clockid_t, struct timespec *))
        dlsym(RTLD_NEXT, "clock_gettime");
    if (fd >= 0) {
        p = mmap(NULL, sizeof *wrong, PROT_READ, MAP_SHARED, fd, 0);
        wrong = p == MAP_FAILED ? NULL : p;
        close(fd);
    }
}

int
clock_gettime(clockid_t clock, struct timespec *ts)
{
    int error = real_clock_gettime(clock, ts);

    if (!error && wrong
        && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        ts->tv_sec += *wrong;
    }
    return error;
}

int
gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    struct timespec ts;

    (void) zone;
    clock_gettime(CLOCK_REALTIME, &ts);
    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;
    return 0;
}

time_t
time(time_t *when)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    if (when) {
        *when = ts.tv_sec;
    }
    return ts.tv_sec;
}
