/* SPDX-License-Identifier: Apache-2.0 */

/* Hand-over of a server's connections between hosts; see pp-handover.h.
 *
 * In: commands, files that another host wrote.  Out: files, and memory for
 * the engine, which reads and writes what is in it.  Here only its frame is
 * checked: whose it is, which version, how long, and that nothing is missing.
 *
 * A file is a page with struct file_head, then the records and the blocks of a
 * ledger that are in use (engine/pp-ledger.h).
 *
 * Runs in control's main loop.  Owns the command that waits. */

#include <config.h>

#include "pp-handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crc32c.h"
#include "engine/pp-ledger.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "pp-control.h"
#include "pp-engine-proc.h"
#include "socket-util.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_handover);

#define MAGIC "PPhando1"
#define HEAD_SIZE PP_LEDGER_RECORD_SIZE

/* The engine answers within this time, or the command fails. */
#define ANSWER_MS 3000

/* A VM that was exported and runs on here after all: so long its frames are
 * dropped at most. */
#define FREEZE_MS 30000

struct file_head {
    char magic[8];
    uint32_t layout;            /* pp_ledger_layout(). */
    uint32_t records;
    uint32_t blocks;
    uint32_t csum;              /* CRC-32C of all behind this page. */
};

BUILD_ASSERT_DECL(offsetof(struct pp_ledger_region, records) == HEAD_SIZE);

/* The command that waits, one at a time. */
static struct unixctl_conn *waiting;
static uint32_t request;
static long long int deadline;
static bool exports;
static char *file_name, *server_name;
static struct pp_ledger_region *region;
static int memory = -1;

static void
finish(const char *error, const char *text)
{
    if (waiting && error) {
        unixctl_command_reply_error(waiting, error);
    } else if (waiting) {
        unixctl_command_reply(waiting, text);
    }
    waiting = NULL;
    if (region) {
        munmap(region, sizeof *region);
        region = NULL;
    }
    if (memory >= 0) {
        close(memory);
        memory = -1;
    }
    free(file_name);
    free(server_name);
    file_name = server_name = NULL;
}

/* Fails with what 'what' could not do. */
static void
fail(const char *what, int error)
{
    char *s = xasprintf("%s: %s: %s", file_name, what, ovs_strerror(error));

    finish(s, NULL);
    free(s);
}

static uint8_t *
part(bool blocks)
{
    return blocks ? (uint8_t *) region->blocks : (uint8_t *) region->records;
}

static size_t
part_size(const struct file_head *head, bool blocks)
{
    return (blocks ? (size_t) head->blocks * PP_LEDGER_BLOCK_SIZE
            : (size_t) head->records * PP_LEDGER_RECORD_SIZE);
}

static uint32_t
checksum(const struct file_head *head)
{
    uint8_t *sums[2];
    ovs_be32 both[2];

    for (int i = 0; i < 2; i++) {
        sums[i] = part(i);
        both[i] = crc32c(sums[i], part_size(head, i));
    }
    return ntohl(crc32c((const uint8_t *) both, sizeof both));
}

/* Writes what the engine left.  Returns 0 or an errno value. */
static int
write_file(const struct file_head *head)
{
    char *name = xasprintf("%s.new", file_name);
    uint8_t page[HEAD_SIZE] = { 0 };
    int error = 0;
    size_t done;
    int fd;

    memcpy(page, head, sizeof *head);
    unlink(name);
    fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
              0600);
    if (fd < 0) {
        error = errno;
    } else {
        error = write_fully(fd, page, sizeof page, &done);
        for (int i = 0; i < 2 && !error; i++) {
            error = write_fully(fd, part(i), part_size(head, i), &done);
        }
        if (close(fd) && !error) {
            error = errno;
        }
        if (!error && rename(name, file_name)) {
            error = errno;
        }
        if (error) {
            unlink(name);
        }
    }
    free(name);
    return error;
}

/* Reads the file into the memory.  Returns NULL, or what is wrong, to be
 * freed. */
static char *
read_file(void)
{
    struct file_head head;
    uint8_t page[HEAD_SIZE];
    char *problem = NULL;
    struct stat st;
    size_t done;
    int fd = open(file_name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int error = 0;

    if (fd < 0 || fstat(fd, &st)) {
        error = errno;
    } else if (!S_ISREG(st.st_mode)) {
        problem = xasprintf("%s: is not a file", file_name);
    } else {
        error = read_fully(fd, page, sizeof page, &done);
        memcpy(&head, page, sizeof head);
        if (error == EOF || (!error && memcmp(head.magic, MAGIC,
                                              sizeof head.magic))) {
            problem = xasprintf("%s: was not written by server/export",
                                file_name);
        } else if (!error && head.layout != pp_ledger_layout()) {
            problem = xasprintf("%s: was written by another version of "
                                "ovs-patchpoint", file_name);
        } else if (!error
                   && (head.records > PP_LEDGER_RECORDS
                       || head.blocks > PP_LEDGER_BLOCKS
                       || (uint64_t) st.st_size
                          != HEAD_SIZE + part_size(&head, false)
                             + part_size(&head, true))) {
            problem = xasprintf("%s: is cut off or damaged", file_name);
        }
        for (int i = 0; i < 2 && !error && !problem; i++) {
            error = read_fully(fd, part(i), part_size(&head, i), &done);
        }
        if (!error && !problem && checksum(&head) != head.csum) {
            problem = xasprintf("%s: is damaged: its checksum is wrong",
                                file_name);
        }
    }
    if (error && !problem) {
        problem = xasprintf("%s: %s", file_name,
                            error == EOF ? "is cut off"
                            : ovs_strerror(error));
    }
    if (fd >= 0) {
        close(fd);
    }
    region->magic = PP_LEDGER_MAGIC;
    region->layout = pp_ledger_layout();
    return problem;
}

static void
start(struct unixctl_conn *conn, int argc OVS_UNUSED, const char *argv[],
      void *ctl_)
{
    struct pp_control *ctl = ctl_;
    struct pp_ipc_handover msg = { .request = ++request,
                                   .freeze_ms = FREEZE_MS };
    char *problem = NULL;
    int error;

    if (waiting) {
        unixctl_command_reply_error(conn, "another server is being handed "
                                    "over; try again");
        return;
    } else if (strlen(argv[1]) >= sizeof msg.name || argv[2][0] != '/') {
        unixctl_command_reply_error(conn, argv[2][0] != '/'
                                    ? "FILE has to begin with a slash"
                                    : "there is no such interface");
        return;
    }
    waiting = conn;
    exports = !strcmp(argv[0], "server/export");
    server_name = xstrdup(argv[1]);
    file_name = xstrdup(argv[2]);
    deadline = time_msec() + ANSWER_MS;
    memory = memfd_create("pp-handover", MFD_CLOEXEC);
    if (memory < 0 || ftruncate(memory, sizeof *region)) {
        fail("memory for it", errno);
        return;
    }
    region = mmap(NULL, sizeof *region, PROT_READ | PROT_WRITE, MAP_SHARED,
                  memory, 0);
    if (region == MAP_FAILED) {
        region = NULL;
        fail("memory for it", errno);
        return;
    }
    if (!exports && (problem = read_file()) != NULL) {
        finish(problem, NULL);
        free(problem);
        return;
    }
    msg.hdr = (struct pp_ipc_hdr) {
        exports ? PP_IPC_EXPORT : PP_IPC_IMPORT, sizeof msg,
    };
    ovs_strlcpy(msg.name, server_name, sizeof msg.name);
    error = pp_engine_send(ctl->engine, &msg, sizeof msg, memory);
    if (error) {
        finish(error == ENOTCONN ? "the engine is not running"
               : ovs_strerror(error), NULL);
    }
}

const char *
pp_handover_handle(const void *data, size_t len)
{
    const struct pp_ipc_handed *msg = data;
    char error[sizeof msg->error];
    char *text;

    if (len != sizeof *msg || msg->records > PP_LEDGER_RECORDS
        || msg->blocks > PP_LEDGER_BLOCKS || msg->fresh > msg->records) {
        return "answer about a hand-over that makes no sense";
    } else if (!waiting || msg->request != request) {
        return NULL;
    }
    memcpy(error, msg->error, sizeof error);
    error[sizeof error - 1] = '\0';
    for (char *p = error; *p; p++) {
        *p = *p < ' ' || *p > '~' ? '?' : *p;
    }
    if (error[0]) {
        text = xasprintf("%s: %s", server_name, error);
        finish(text, NULL);
        free(text);
        return NULL;
    }
    if (exports) {
        struct file_head head = {
            .magic = MAGIC, .layout = pp_ledger_layout(),
            .records = msg->records, .blocks = msg->blocks,
        };
        int problem;

        head.csum = checksum(&head);
        problem = write_file(&head);
        if (problem) {
            fail("cannot be written", problem);
            return NULL;
        }
    }
    VLOG_INFO("interface %s: %u connections %s, %u of them still inspected, "
              "%u left out", server_name, msg->records,
              exports ? "handed over" : "taken over", msg->fresh, msg->left);
    text = xasprintf("%u connections, %u of them still inspected%s\n",
                     msg->records, msg->fresh,
                     msg->left ? ", some left out" : "");
    finish(NULL, text);
    free(text);
    return NULL;
}

void
pp_handover_run_commands(void)
{
    if (waiting && time_msec() >= deadline) {
        finish("the engine does not answer", NULL);
    }
}

void
pp_handover_wait_commands(void)
{
    if (waiting) {
        poll_timer_wait_until(deadline);
    }
}

void
pp_handover_init_commands(struct pp_control *ctl)
{
    unixctl_command_register("server/export", "NAME FILE", 2, 2, start, ctl);
    unixctl_command_register("server/import", "NAME FILE", 2, 2, start, ctl);
}
