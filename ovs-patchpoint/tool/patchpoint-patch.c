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
#include "tool/pp-replay.h"
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
};

struct options {
    bool quiet;
    const char *patches;        /* Where to find patches by their id. */
    const char *ports;          /* replay: services, or NULL for the usual. */
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
            "  -q, --quiet          print errors only\n"
            "  -h, --help           print this and exit\n"
            "  -V, --version        print the version and exit\n"
            "\nExit status: 0 if all is well, 1 if something is wrong with a "
            "patch,\n2 if something is wrong with the command.\n",
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

static int
run_check(const struct options *o, int argc, char *const argv[])
{
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    struct pp_vector_stats stats = { 0, 0 };
    struct pp_pool *pool = load(o, argc, argv, &errors);
    struct pp_program *program;
    char *why = NULL;
    size_t size = 0;
    size_t n_bad;

    for (size_t i = 0; i < pool->n; i++) {
        const struct pp_patch *patch = pool->patches[i];
        struct pp_vector_stats s = { 0, 0 };
        bool ok = pp_vectors_run(patch, &errors, &s);

        if (!o->quiet) {
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
    print_errors(&errors);
    n_bad = errors.total;
    if (!o->quiet) {
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

static int
run_list(const struct options *o, int argc, char *const argv[])
{
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    struct pp_pool *pool = load(o, argc, argv, &errors);
    int status = errors.total ? EXIT_BAD_PATCH : EXIT_OK;

    for (size_t i = 0; i < pool->n; i++) {
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

/* Prints 'text' with its lines indented, each as long as fits. */
static void
print_wrapped(const char *text)
{
    size_t column = 0;

    while (*text) {
        size_t n = strcspn(text, " \t\n");

        if (column && column + n > 68) {
            column = 0;
        }
        if (n) {
            printf("%s%.*s", column ? " " : "\n    ", (int) n, text);
            column += n + 1;
        }
        text += n;
        text += strspn(text, " \t\n");
    }
    putchar('\n');
}

static void
explain_expr(const char *what, const struct pp_expr *e)
{
    if (e && e->name) {
        printf("      %s: %s\n", what, e->name);
    }
}

/* What the rule works out when its condition holds. */
static uint64_t
correction_cost(const struct pp_rule *rule)
{
    const struct pp_expr *const parts[] = {
        rule->with, rule->low, rule->high, rule->reason, rule->body,
    };
    uint64_t cost = 0;

    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        cost += parts[i] ? parts[i]->cost : 0;
    }
    for (size_t i = 0; i < rule->n_headers; i++) {
        cost += rule->headers[i].name->cost + rule->headers[i].value->cost;
    }
    for (size_t i = 0; i < rule->n_sets; i++) {
        cost += rule->sets[i].value->cost;
    }
    return cost;
}

static void
explain_rule(const struct pp_patch *patch, size_t i)
{
    const struct pp_rule *rule = &patch->rules[i];

    printf("\n  rule %"PRIuSIZE" (line %u), on each %s of %s", i + 1,
           rule->line, patch->proxy->events[rule->event].name,
           patch->proxy->title);
    if (rule->each_text) {
        printf("\n    for each element of %s", rule->each_text);
    }
    printf("\n    when");
    print_wrapped(rule->when_text);
    printf("    then %s", pp_correct_kind_name(rule->kind));
    switch (rule->kind) {
    case PP_CORRECT_REJECT:
        if (rule->raw) {
            printf(" with a reply as written");
        } else {
            printf(" with status %"PRId64, rule->status);
        }
        printf("; the connection %s\n",
               (rule->reset ? "is reset after it"
                : rule->close ? "is closed after it" : "goes on"));
        break;
    case PP_CORRECT_CLOSE:
        printf(" the connection with %s\n", rule->reset ? "RST" : "FIN");
        break;
    case PP_CORRECT_DROP:
        printf(" it silently; the connection goes on\n");
        break;
    case PP_CORRECT_SET:
        for (size_t j = 0; j < rule->n_sets; j++) {
            printf("%s %s to %s", j ? "," : "",
                   patch->states[rule->sets[j].state].name,
                   rule->sets[j].text);
        }
        printf("\n");
        break;
    case PP_CORRECT_DELETE:
    case PP_CORRECT_REPLACE:
    case PP_CORRECT_TRUNCATE:
    case PP_CORRECT_CLAMP:
    case PP_CORRECT_INSERT_BEFORE:
    case PP_CORRECT_INSERT_AFTER:
    default:
        printf(rule->target ? "\n" : " the element\n");
        explain_expr("field", rule->target);
        break;
    }
    printf("    nominal cost %u of at most %d", rule->when->cost,
           PP_EXPR_COST_MAX);
    if (correction_cost(rule)) {
        printf("; %"PRIu64" more if it holds", correction_cost(rule));
    }
    printf("\n");
    if (rule->same_as_vendor) {
        printf("    as the vendor:");
        print_wrapped(rule->same_as_vendor);
    }
}

static void
explain_param(const struct pp_param *param)
{
    printf("  parameter %s, ", param->name);
    switch ((int) param->type) {
    case PP_TYPE_BOOL:
        printf("true or false; default %s", param->value.i ? "true" : "false");
        break;
    case PP_TYPE_INT:
        printf("an integer from %"PRId64" to %"PRId64"; default %"PRId64,
               param->min, param->max, param->value.i);
        break;
    default:
        printf("%"PRId64" to %"PRId64" bytes; default \"", param->min,
               param->max);
        for (int64_t i = 0; i < param->value.i; i++) {
            uint8_t c = param->value.bytes[i];

            printf(c < 0x20 || c > 0x7e || c == '"' || c == '\\' ? "\\x%02x"
                   : "%c", c);
        }
        printf("\"");
        break;
    }
    print_wrapped(param->about);
}

static void
explain(const struct pp_patch *p)
{
    printf("%s: %s\n", p->id, p->title);
    printf("  file      %s\n  vendor    %s\n  severity  %.1f\n", p->file,
           p->vendor, p->severity);
    for (size_t i = 0; i < p->n_affects; i++) {
        printf("  affects   %s %s\n", p->affects[i].product,
               p->affects[i].versions);
    }
    for (size_t i = 0; i < p->n_params; i++) {
        explain_param(&p->params[i]);
    }
    for (size_t i = 0; i < p->n_states; i++) {
        printf("  keeps     %s, %s, of each connection\n", p->states[i].name,
               p->states[i].type == PP_TYPE_INT ? "an integer" : "a flag");
    }
    for (size_t i = 0; i < p->n_rules; i++) {
        explain_rule(p, i);
    }
    if (p->same_as_vendor) {
        printf("\n  as the vendor:");
        print_wrapped(p->same_as_vendor);
    }
    printf("\n");
    for (size_t i = 0; i < p->n_vectors; i++) {
        printf("  %s: %s\n", p->vectors[i].exploit ? "exploit" : "benign ",
               p->vectors[i].name);
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
    if (patch) {
        explain(patch);
    } else if (id) {
        fprintf(stderr, "%s: there is no patch '%s' in %s; '%s list' shows "
                "what there is\n", program_name, argv[0], o->patches,
                program_name);
        status = EXIT_BAD_PATCH;
    } else {
        for (size_t i = 0; i < pool->n; i++) {
            explain(pool->patches[i]);
        }
        print_errors(&errors);
        status = errors.total ? EXIT_BAD_PATCH : EXIT_OK;
    }
    pp_errors_destroy(&errors);
    pp_pool_unref(pool);
    return status;
}

static int
run_replay(const struct options *o, int argc OVS_UNUSED, char *const argv[])
{
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    struct pp_pool *pool = load(o, 0, NULL, &errors);
    struct pp_replay replay = {
        .pool = pool, .in = argv[0], .out = argv[1], .ports = o->ports,
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

static const struct command commands[] = {
    { "check", "[FILE|DIR...]", 0, -1, run_check,
      "read patches and run all their vectors" },
    { "list", "[FILE|DIR...]", 0, -1, run_list, "list patches, a line each" },
    { "explain", "FILE|ID", 1, 1, run_explain,
      "say what a patch looks at and does" },
    { "replay", "IN.pcap OUT.pcap", 2, 2, run_replay,
      "correct a capture, and print what was corrected" },
    { NULL, NULL, 0, 0, NULL, NULL },
};

static void
parse_options(int argc, char *argv[], struct options *o)
{
    static const struct option long_options[] = {
        { "patches", required_argument, NULL, 'p' },
        { "ports", required_argument, NULL, 'P' },
        { "quiet", no_argument, NULL, 'q' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 },
    };
    int c;

    while ((c = getopt_long(argc, argv, "+p:qhV", long_options, NULL)) >= 0) {
        switch (c) {
        case 'p':
            o->patches = optarg;
            break;
        case 'P':
            o->ports = optarg;
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
