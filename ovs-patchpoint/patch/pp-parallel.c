/* SPDX-License-Identifier: Apache-2.0 */

/* Work on all processors; see pp-parallel.h.
 *
 * In: a function, and how often to call it.  Out: nothing.  Runs in control
 * and in the tools, when patches are loaded; its threads are gone when it
 * returns. */

#include <config.h>

#include "patch/pp-parallel.h"

#include <pthread.h>
#include <unistd.h>

#include "util.h"

/* Not worth a thread. */
#define FEW 16

struct job {
    void (*work)(void *aux, size_t t, size_t i);
    void *aux;
    size_t n;
    size_t next;                /* Atomic, as is... */
    size_t n_threads;           /* ...the number of those that began. */
};

static void *
run(void *job_)
{
    struct job *job = job_;
    size_t t = __atomic_fetch_add(&job->n_threads, 1, __ATOMIC_RELAXED);
    size_t i;

    while ((i = __atomic_fetch_add(&job->next, 1, __ATOMIC_RELAXED))
           < job->n) {
        job->work(job->aux, t, i);
    }
    return NULL;
}

void
pp_parallel(size_t n, void (*work)(void *aux, size_t t, size_t i), void *aux)
{
    struct job job = { .work = work, .aux = aux, .n = n };
    long int cores = sysconf(_SC_NPROCESSORS_ONLN);
    pthread_t threads[PP_PARALLEL_MAX];
    long int n_others = 0;

    while (n > FEW && n_others < MIN(cores, PP_PARALLEL_MAX) - 1
           && !pthread_create(&threads[n_others], NULL, run, &job)) {
        n_others++;
    }
    run(&job);
    while (n_others > 0) {
        pthread_join(threads[--n_others], NULL);
    }
}
