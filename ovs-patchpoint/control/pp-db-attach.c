/* SPDX-License-Identifier: Apache-2.0 */

/* Sees to it that the host's own ovsdb-server has the PatchPoint database.
 *
 * An ovsdb-server that was restarted has forgotten databases that were added
 * to it while it ran, and Open vSwitch's start-up scripts know nothing of
 * ours.  So whenever the connection to the server comes up, a helper program
 * looks, makes the file if there is none, converts it if its schema is older
 * than ours, and adds it.
 *
 * In: the state of the connection to the Open_vSwitch database.  Out: the
 * helper, ovsdb-schema/ovs-patchpoint-db, run in the background.
 *
 * Runs in control's main loop.  Owns the helper's process. */

#include <config.h>

#include "pp-db-private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "pp-control.h"
#include "pp-privileges.h"
#include "process.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_db_attach);

/* When it is tried again, in ms. */
#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 60000

static char *server, *database, *program, *errors;
static struct process *process;
static bool was_connected;
static long long int due = -1;  /* When to look; -1: not. */
static long long int retry = RETRY_MIN_MS;
static char *last_error;

void
pp_db_attach_start(const char *local, const char *file, const char *helper)
{
    server = xstrdup(local);
    database = xstrdup(file);
    program = xstrdup(helper);
    process_init();
}

static void
failed(char *why)
{
    if (!nullable_string_is_equal(why, last_error)) {
        VLOG_WARN("the PatchPoint database cannot be had from the server at "
                  "%s: %s; named policies are as they were last known",
                  server, why);
    }
    free(last_error);
    last_error = why;
    due = time_msec() + retry;
    retry = MIN(retry * 2, RETRY_MAX_MS);
}

/* The first line that the helper wrote to say what is wrong. */
static char *
read_error(void)
{
    char line[512] = "";
    FILE *f = fopen(errors, "r");

    if (f) {
        if (fgets(line, sizeof line, f)) {
            line[strcspn(line, "\n")] = '\0';
        }
        fclose(f);
    }
    return xstrdup(*line ? line : "no reason given");
}

static void
start(const char *rundir)
{
    char *argv[] = { program, server, database, errors, NULL };
    int error;

    if (!errors) {
        argv[3] = errors = xasprintf("%s/ovs-patchpoint-db.error", rundir);
    }
    if (access(program, X_OK)) {
        failed(xasprintf("%s: %s", program, ovs_strerror(errno)));
        return;
    }
    pp_privileges_lend(true);
    error = process_start(argv, &process);
    pp_privileges_lend(false);
    if (error) {
        failed(xasprintf("%s: %s", program, ovs_strerror(error)));
    }
}

bool
pp_db_attach_run(const struct pp_control *ctl, bool away)
{
    bool connected = ovsdb_idl_is_connected(ctl->idl);
    bool done = false;

    if (connected && !was_connected) {
        due = time_msec();
        retry = RETRY_MIN_MS;
    }
    was_connected = connected;

    process_run();
    if (process && process_exited(process)) {
        int status = process_status(process);

        process_destroy(process);
        process = NULL;
        if (!status) {
            done = true;
            free(last_error);
            last_error = NULL;
        } else {
            char *why = read_error();

            failed(why);
        }
        unlink(errors);
    }
    if (away && connected && !process && due < 0) {
        /* Somebody took it away. */
        due = time_msec() + retry;
        retry = MIN(retry * 2, RETRY_MAX_MS);
    }
    if (connected && !process && due >= 0 && time_msec() >= due) {
        due = -1;
        start(ctl->rundir);
    }
    return done;
}

void
pp_db_attach_wait(void)
{
    if (process) {
        process_wait(process);
    }
    if (due >= 0 && was_connected) {
        poll_timer_wait_until(due);
    }
}

void
pp_db_attach_stop(void)
{
    if (process) {
        process_destroy(process);       /* It goes on, and ends. */
        process = NULL;
    }
    free(server);
    free(database);
    free(program);
    free(errors);
    free(last_error);
    server = database = program = errors = last_error = NULL;
}
