/* SPDX-License-Identifier: Apache-2.0 */

/* patchpoint-patch: the tool of those who write and audit patches.
 *
 * In: patch files.  Out: whether they are right, and what they do, in words.
 * Runs by hand and in tests, without a switch and without privileges; owns
 * the pool that it loads. */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pp-vector.h"
#include "openvswitch/json.h"
#include "tool/pp-diff.h"
#include "tool/pp-explain.h"
#include "tool/pp-replay.h"
#include "tool/pp-template.h"
#include "patch/pp-affects.h"
#include "patch/pp-errors.h"
#include "patch/pp-expr.h"
#include "patch/pp-param.h"
#include "patch/pp-patch.h"
#include "patch/pp-pool.h"
#include "patch/pp-program.h"
#include "pp-proxy.h"
#include "registry.h"
#include "util.h"

/* Exit codes. */
enum {
    EXIT_OK = 0,
    EXIT_BAD_PATCH = 1,         /* Something is wrong with a patch. */
    EXIT_USAGE = 2,             /* Something is wrong with the command. */

    /* Of diff, as diff(1) has them. */
    EXIT_SAME = 0,
    EXIT_DIFFER = 1,
    EXIT_TROUBLE = 2,
};

struct options {
    bool quiet;
    bool json;
    bool monitor;               /* replay: correct nothing. */
    const char *patches;        /* Where to find patches by their id. */
    const char *ports;          /* replay: services, or NULL for the usual. */
    const char *output;         /* new: the file; NULL: standard output. */
};

struct command {
    const char *name;
    const char *arguments;
    int min_args, max_args;     /* max_args < 0: any number. */
    int (*run)(const struct options *, int argc, char *const argv[]);
    const char *help;
};

static const struct command commands[];

static void
usage(FILE *stream)
{
    fprintf(stream,
            "%s: the tool for the patches of ovs-patchpoint\n"
            "usage: %s [OPTIONS] COMMAND [ARG...]\n\n"
            "Commands:\n", program_name, program_name);
    for (const struct command *c = commands; c->name; c++) {
        fprintf(stream, "  %-8s %-20s %s\n", c->name, c->arguments, c->help);
    }
    fprintf(stream,
            "\nOptions:\n"
            "  -p, --patches=DIR    find patches and their ids here\n"
            "                       (default: %s)\n"
            "      --ports=PROXY:PORT[,PORT...]\n"
            "                       replay: services there are (default: the "
            "usual ports)\n"
            "  -o, --output=FILE    new: write it to FILE, which must not be "
            "there yet\n"
            "  -m, --monitor        replay: say what would be corrected, and "
            "correct nothing\n"
            "  -j, --json           print JSON, for programs\n"
            "  -q, --quiet          print errors only\n"
            "  -h, --help           print this and exit\n"
            "  -V, --version        print the version and exit\n"
            "\nExit status: 0 if all is well, 1 if something is wrong with a "
            "patch,\n2 if something is wrong with the command.  diff: 0 if "
            "nothing changes,\n1 if something does, 2 if there is "
            "trouble.\n",
            PP_PKGDATADIR "/patches");
}

static void
print_errors(const struct pp_errors *errors)
{
    char *text = pp_errors_format(errors);

    fputs(text, stderr);
    free(text);
}

/* Loads the patches of 'paths', or of the directory of all patches. */
static struct pp_pool *
load(const struct options *o, int n, char *const paths[],
     struct pp_errors *errors)
{
    return pp_pool_load(n ? (const char *const *) paths : &o->patches,
                        n ? (size_t) n : 1, pp_proxies,
                        PP_POOL_WHAT_IS_GOOD, errors);
}

/* What came of one patch's vectors. */
static struct json *
checked_json(const struct pp_patch *patch, bool ok,
             const struct pp_vector_stats *stats)
{
    struct json *object = json_object_create();

    json_object_put_string(object, "patch", patch->id);
    json_object_put(object, "ok", json_boolean_create(ok));
    json_object_put(object, "vectors",
                    json_integer_create((long long) stats->n_vectors));
    json_object_put(object, "runs",
                    json_integer_create((long long) stats->n_runs));
    return object;
}

/* Prints what came of all, and destroys 'patches'. */
static void
print_checked(struct json *patches, const struct pp_errors *errors,
              size_t size)
{
    struct json *object = json_object_create();

    json_object_put(object, "patches", patches);
    json_object_put(object, "errors", pp_explain_errors(errors));
    json_object_put(object, "compiled-bytes",
                    json_integer_create((long long) size));
    pp_explain_print(object);
}

static int
run_check(const struct options *o, int argc, char *const argv[])
{
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    struct pp_vector_stats stats = { 0, 0 };
    struct pp_pool *pool = load(o, argc, argv, &errors);
    struct json *patches = json_array_create_empty();
    struct pp_program *program;
    char *why = NULL;
    size_t size = 0;
    size_t n_bad;

    for (size_t i = 0; i < pool->n; i++) {
        const struct pp_patch *patch = pool->patches[i];
        struct pp_vector_stats s = { 0, 0 };
        bool ok = pp_vectors_run(patch, PP_VECTORS_ALL, &errors, &s);

        json_array_add(patches, checked_json(patch, ok, &s));
        if (!o->quiet && !o->json) {
            printf("%s %s: %"PRIuSIZE" vectors, %"PRIuSIZE" runs\n",
                   ok ? "ok  " : "FAIL", patch->id, s.n_vectors, s.n_runs);
        }
        stats.n_vectors += s.n_vectors;
        stats.n_runs += s.n_runs;
    }

    /* All of them together too. */
    program = pp_program_build(pool, pp_proxies, &size, &why);
    if (!program || pp_program_check(program, size, pp_proxies)) {
        pp_errors_add(&errors, "all patches together", 0, 0,
                      "cannot be compiled: %s",
                      program ? pp_program_check(program, size, pp_proxies)
                      : why);
    }
    n_bad = errors.total;
    if (o->json) {
        print_checked(patches, &errors, size);
    } else {
        print_errors(&errors);
        json_destroy(patches);
    }
    if (!o->quiet && !o->json) {
        printf("%"PRIuSIZE" patches, %"PRIuSIZE" vectors, %"PRIuSIZE" runs, "
               "%"PRIuSIZE" bytes compiled: %"PRIuSIZE" errors\n",
               pool->n, stats.n_vectors, stats.n_runs, size, n_bad);
    }
    free(program);
    free(why);
    pp_pool_unref(pool);
    pp_errors_destroy(&errors);
    return n_bad ? EXIT_BAD_PATCH : EXIT_OK;
}

/* All patches of 'pool' as an array, each in 'full' or not. */
static void
print_patches(const struct pp_pool *pool, bool full)
{
    struct json *array = json_array_create_empty();

    for (size_t i = 0; i < pool->n; i++) {
        json_array_add(array, pp_explain_json(pool->patches[i], full));
    }
    pp_explain_print(array);
}

static int
run_list(const struct options *o, int argc, char *const argv[])
{
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    struct pp_pool *pool = load(o, argc, argv, &errors);
    int status = errors.total ? EXIT_BAD_PATCH : EXIT_OK;

    if (o->json) {
        print_patches(pool, false);
    }
    for (size_t i = 0; i < pool->n && !o->json; i++) {
        const struct pp_patch *p = pool->patches[i];

        printf("%-20s %-8s %4.1f  %-20s %s\n", p->id, p->proxy->name,
               p->severity, p->n_affects ? p->affects[0].product : "",
               p->title);
    }
    print_errors(&errors);
    pp_errors_destroy(&errors);
    pp_pool_unref(pool);
    return status;
}

static void
explain(const struct options *o, const struct pp_pool *pool)
{
    if (o->json) {
        print_patches(pool, true);
    } else {
        for (size_t i = 0; i < pool->n; i++) {
            pp_explain(pool->patches[i]);
        }
    }
}

static int
run_explain(const struct options *o, int argc OVS_UNUSED, char *const argv[])
{
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    bool id = !strchr(argv[0], '/') && !strstr(argv[0], ".yaml");
    struct pp_pool *pool = load(o, !id, argv, &errors);
    const struct pp_patch *patch;
    int status = EXIT_OK;

    patch = id ? pp_pool_find(pool, argv[0], NULL) : NULL;
    if (id && !patch) {
        fprintf(stderr, "%s: there is no patch '%s' in %s; '%s list' shows "
                "what there is\n", program_name, argv[0], o->patches,
                program_name);
        status = EXIT_BAD_PATCH;
    } else {
        struct pp_patch *found = CONST_CAST(struct pp_patch *, patch);
        const struct pp_pool one = { .n = 1, .patches = &found };

        explain(o, patch ? &one : pool);
        if (!id) {
            print_errors(&errors);
            status = errors.total ? EXIT_BAD_PATCH : EXIT_OK;
        }
    }
    pp_errors_destroy(&errors);
    pp_pool_unref(pool);
    return status;
}

static int
run_replay(const struct options *o, int argc, char *const argv[])
{
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    struct pp_pool *pool = load(o, 0, NULL, &errors);
    struct pp_replay replay = {
        .pool = pool, .in = argv[0], .out = argc > 1 ? argv[1] : NULL,
        .ports = o->ports, .monitor = o->monitor, .json = o->json,
        .quiet = o->quiet,
    };
    int status = EXIT_BAD_PATCH;
    char *error = NULL;

    print_errors(&errors);
    if (!errors.total) {
        status = pp_replay(&replay, &error) ? EXIT_OK : EXIT_USAGE;
        if (error) {
            fprintf(stderr, "%s: %s\n", program_name, error);
            free(error);
        }
    }
    pp_errors_destroy(&errors);
    pp_pool_unref(pool);
    return status;
}

/* Says that 'name' is no proxy, and which there are. */
static int
no_such_proxy(const char *name)
{
    fprintf(stderr, "%s: there is no proxy '%s'; there are", program_name,
            name);
    for (size_t i = 0; pp_proxies[i]; i++) {
        fprintf(stderr, "%s %s", i ? "," : "", pp_proxies[i]->name);
    }
    putc('\n', stderr);
    return EXIT_USAGE;
}

static int
run_new(const struct options *o, int argc OVS_UNUSED, char *const argv[])
{
    const struct pp_proxy *proxy = pp_proxy_by_name(argv[0]);
    char *fault = pp_patch_id_fault(argv[1]);
    FILE *stream = stdout;

    if (!proxy) {
        free(fault);
        return no_such_proxy(argv[0]);
    }
    if (fault) {
        fprintf(stderr, "%s: '%s': %s\n", program_name, argv[1], fault);
        free(fault);
        return EXIT_USAGE;
    }
    if (o->output) {
        stream = fopen(o->output, "wx");
        if (!stream) {
            ovs_error(errno, "%s: cannot be made", o->output);
            return EXIT_USAGE;
        }
    }
    pp_template_write(stream, proxy, argv[1]);
    if (ferror(stream) | (stream == stdout ? fflush(stream)
                          : fclose(stream))) {
        ovs_error(errno, "%s: cannot be written",
                  o->output ? o->output : "standard output");
        return EXIT_USAGE;
    }
    return EXIT_OK;
}

static int
run_diff(const struct options *o, int argc OVS_UNUSED, char *const argv[])
{
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    struct pp_pool *old = load(o, 1, &argv[0], &errors);
    struct pp_pool *new = load(o, 1, &argv[1], &errors);
    int status = EXIT_TROUBLE;

    print_errors(&errors);
    if (!errors.total) {
        status = (pp_diff(old, new, o->json, o->quiet) ? EXIT_DIFFER
                  : EXIT_SAME);
    }
    pp_errors_destroy(&errors);
    pp_pool_unref(old);
    pp_pool_unref(new);
    return status;
}

static const struct command commands[] = {
    { "check", "[FILE|DIR...]", 0, -1, run_check,
      "read patches and run all their vectors" },
    { "list", "[FILE|DIR...]", 0, -1, run_list, "list patches, a line each" },
    { "explain", "FILE|ID", 1, 1, run_explain,
      "say what a patch looks at and does" },
    { "new", "PROXY ID", 2, 2, run_new,
      "print a patch to be filled in" },
    { "diff", "OLD NEW", 2, 2, run_diff,
      "say what changes between two patches or directories" },
    { "replay", "IN.pcap [OUT.pcap]", 1, 2, run_replay,
      "correct a capture, and say what became of each connection" },
    { NULL, NULL, 0, 0, NULL, NULL },
};

static void
parse_options(int argc, char *argv[], struct options *o)
{
    static const struct option long_options[] = {
        { "patches", required_argument, NULL, 'p' },
        { "ports", required_argument, NULL, 'P' },
        { "output", required_argument, NULL, 'o' },
        { "monitor", no_argument, NULL, 'm' },
        { "json", no_argument, NULL, 'j' },
        { "quiet", no_argument, NULL, 'q' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 },
    };
    int c;

    while ((c = getopt_long(argc, argv, "p:o:mjqhV", long_options,
                            NULL)) >= 0) {
        switch (c) {
        case 'p':
            o->patches = optarg;
            break;
        case 'P':
            o->ports = optarg;
            break;
        case 'o':
            o->output = optarg;
            break;
        case 'm':
            o->monitor = true;
            break;
        case 'j':
            o->json = true;
            break;
        case 'q':
            o->quiet = true;
            break;
        case 'h':
            usage(stdout);
            exit(EXIT_OK);
        case 'V':
            printf("%s (ovs-patchpoint) %s\n", program_name, VERSION);
            exit(EXIT_OK);
        default:
            fprintf(stderr, "Try '%s --help'.\n", program_name);
            exit(EXIT_USAGE);
        }
    }
}

int
main(int argc, char *argv[])
{
    struct options o = { .patches = PP_PKGDATADIR "/patches" };
    const struct command *c;
    const char *error;

    ovs_set_program_name(argv[0], VERSION);
    parse_options(argc, argv, &o);
    argc -= optind;
    argv += optind;
    error = pp_proxies_check();
    if (error) {
        ovs_fatal(0, "%s", error);
    }
    if (!argc) {
        usage(stderr);
        return EXIT_USAGE;
    }
    for (c = commands; c->name; c++) {
        if (!strcmp(c->name, argv[0])) {
            break;
        }
    }
    argc--;
    argv++;
    if (!c->name) {
        fprintf(stderr, "%s: unknown command '%s'; try '%s --help'\n",
                program_name, argv[-1], program_name);
        return EXIT_USAGE;
    }
    if (argc < c->min_args || (c->max_args >= 0 && argc > c->max_args)) {
        fprintf(stderr, "usage: %s %s %s\n", program_name, c->name,
                c->arguments);
        return EXIT_USAGE;
    }
    return c->run(&o, argc, argv);
}
