/* SPDX-License-Identifier: Apache-2.0 */

/* Looking for bytes by blocks (pp-scan.h), and the reading of heads and lists
 * that rests on it, against the same done a byte at a time, on random texts
 * and on those at the borders.  Texts stand right before a page that cannot be
 * read, or right behind one, so that a byte too many is found out.
 *
 * Runs as a test program; owns the pages. */

#include <config.h>

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "http/pp-http.h"
#include "patch/pp-bytes.h"
#include "pp-scan.h"
#include "random.h"
#include "suite.h"
#include "util.h"

#define TEXT_MAX 4096

/* libcheck makes a system call of each assertion; these are millions. */
#define HOLDS(X) ((X) ? (void) 0 : ck_abort_msg("not so: %s", #X))
#define SAME(A, B) same((uintmax_t) (A), (uintmax_t) (B), #A, __LINE__)

static void
same(uintmax_t a, uintmax_t b, const char *what, int line)
{
    if (a != b) {
        ck_abort_msg("line %d: %s is %"PRIuMAX", not %"PRIuMAX, line, what, a,
                     b);
    }
}

static uint8_t *page;           /* TEXT_MAX bytes between two guards. */

static void
set_up(void)
{
    size_t size = (size_t) sysconf(_SC_PAGESIZE);
    uint8_t *p = mmap(NULL, 3 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
                      -1, 0);

    HOLDS(p != MAP_FAILED && size >= TEXT_MAX);
    HOLDS(!mprotect(p + size, size, PROT_READ | PROT_WRITE));
    page = p + size;
    random_set_seed(20240521);
}

static void
tear_down(void)
{
    size_t size = (size_t) sysconf(_SC_PAGESIZE);

    munmap(page - size, 3 * size);
}

/* The 'n' bytes at 'data', at the end of the page, or at its start. */
static struct pp_reader
text_of(const void *data, size_t n, bool at_end)
{
    uint8_t *p = at_end ? page + sysconf(_SC_PAGESIZE) - n : page;

    memcpy(p, data, n);
    return pp_reader_init(p, n);
}

/* 'n' random bytes, most of them of 'alphabet'. */
static void
random_text(uint8_t *p, size_t n, const char *alphabet, size_t n_alphabet)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (random_range(16) ? (uint8_t) alphabet[random_range(
                                       (int) n_alphabet)]
                : (uint8_t) random_range(256));
    }
}

START_TEST(test_blocks)
{
    uint8_t p[PP_BLOCK];

    for (int round = 0; round < 20000; round++) {
        uint8_t c = (uint8_t) (round < 256 ? round : random_range(256));
        uint64_t mask = 0;

        for (size_t i = 0; i < PP_BLOCK; i++) {
            /* Neighbours of 'c' are what a carry would take for it. */
            int near = random_range(5) - 2;

            p[i] = (uint8_t) (random_range(4) ? c + near : c ^ 0x80);
            mask |= (uint64_t) (p[i] == c) << i;
        }
        SAME(pp_block_find(p, c), mask);
        SAME(pp_block_find_by_words(p, c), mask);
    }
}
END_TEST

START_TEST(test_texts)
{
    uint8_t data[200];

    for (size_t n = 0; n < sizeof data; n++) {
        for (int round = 0; round < 40; round++) {
            struct pp_reader text;
            size_t end = n - (n ? (size_t) random_range((int) n) : 0) / 2;
            size_t at = (size_t) random_range((int) n + 2);
            uint64_t want_ends = 0, want_marks = 0;
            uint8_t copy[PP_BLOCK];
            struct pp_window w;

            random_text(data, n, "a\n:b", 4);
            text = text_of(data, n, round % 2);
            for (size_t i = at; i < end && i < at + PP_BLOCK; i++) {
                want_ends |= (uint64_t) (data[i] == '\n') << (i - at);
                want_marks |= (uint64_t) (data[i] == ':') << (i - at);
            }
            w = pp_window_at(&text, at, end, copy);
            SAME(pp_window_find(w, '\n'), want_ends);
            SAME(pp_window_find(w, ':'), want_marks);

            /* What is not all there is not looked at. */
            w = pp_window_at(&text, at, n + 1, copy);
            HOLDS(!pp_window_find(w, '\n') && !pp_window_find(w, 0));
        }
    }
}
END_TEST

START_TEST(test_plain)
{
    uint8_t data[100];

    for (size_t n = 0; n < sizeof data; n++) {
        for (int round = 0; round < 100; round++) {
            size_t at = (size_t) random_range((int) n + 1);
            size_t len = (size_t) random_range((int) (n - at) + 1);
            size_t found, want_found;
            struct pp_reader text;
            bool want = true, before = true, plain;

            for (size_t i = 0; i < n; i++) {
                data[i] = (uint8_t) ('!' + random_range(0x7f - '!'));
            }
            if (n && random_range(2)) {
                data[random_range((int) n)] = (uint8_t) random_range(256);
            }
            text = text_of(data, n, round % 2);
            for (size_t i = at; i < at + len; i++) {
                want &= data[i] > ' ' && data[i] < 0x7f;
            }
            SAME(pp_are_plain(text.base + at, len), want);

            for (want_found = 0; want_found < len
                                 && data[at + want_found] != ':';
                 want_found++) {
                uint8_t c = data[at + want_found];

                before &= c > ' ' && c < 0x7f;
            }
            found = pp_find_plain(text.base + at, len, n - at, ':', &plain);
            SAME(MIN(found, len), want_found);
            HOLDS(plain == before || found >= len);
        }
    }
}
END_TEST

START_TEST(test_usual_names)
{
    uint8_t data[40];
    size_t n_usual = 0;

    for (int round = 0; round < 50000; round++) {
        size_t n = (size_t) random_range(sizeof data);
        size_t len = (size_t) random_range((int) n + 1);
        struct pp_reader text;
        bool want = true, usual;

        for (size_t i = 0; i < n; i++) {
            data[i] = (uint8_t) (random_range(40) ? "-AZaz"[random_range(5)]
                                 : random_range(256));
        }
        text = text_of(data, n, round % 2);
        for (size_t i = 0; i < len; i++) {
            want &= data[i] == '-' || ((data[i] | 0x20) >= 'a'
                                       && (data[i] | 0x20) <= 'z');
        }
        usual = pp_is_usual_name(text.base, len, n);
        HOLDS(!usual || want);
        n_usual += usual;
    }
#ifdef __SSE2__
    HOLDS(n_usual > 1000);
#endif
}
END_TEST

START_TEST(test_runs)
{
    uint8_t data[80];

    for (int round = 0; round < 50000; round++) {
        size_t n = (size_t) random_range(sizeof data), want = 0;
        struct pp_reader text;

        for (size_t i = 0; i < n; i++) {
            data[i] = (uint8_t) (random_range(30) ? random_range(' ' + 1)
                                 : random_range(2) ? 0x85 : 0xa0);
        }
        if (n && random_range(4)) {
            data[random_range((int) n)] = (uint8_t) random_range(256);
        }
        text = text_of(data, n, round % 2);
        while (want < n && (data[want] <= ' ' || data[want] == 0x85
                            || data[want] == 0xa0)) {
            want++;
        }
        SAME(pp_run_upto(text.base, n, ' ', 0x85, 0xa0), want);
    }
}
END_TEST

START_TEST(test_pieces)
{
    for (int round = 0; round < 20000; round++) {
        uint64_t ends = (uint64_t) random_uint32() << 32 | random_uint32();
        uint64_t marks = (uint64_t) random_uint32() << 32 | random_uint32();
        uint64_t all = marks, lowest = pp_lowest(ends);
        uint64_t upto = (UINT64_C(2) << lowest) - 1;
        uint64_t was = ends, taken;

        taken = pp_take_piece(&ends, &marks);
        SAME(taken, all & upto);
        SAME(marks, all & ~upto);
        SAME(ends, was & ~(UINT64_C(1) << lowest));
    }
}
END_TEST

/* Heads, a byte at a time. */

/* Is the byte at 'i' of a line white space?  NEL and the no-break space of
 * Latin-1 are if they end no UTF-8 character. */
static bool
is_white(const uint8_t *p, size_t i)
{
    uint8_t c = p[i];

    if (c == 0x85 || c == 0xa0) {
        while (i && (p[i - 1] == 0x85 || p[i - 1] == 0xa0)) {
            i--;
        }
        return !i || p[i - 1] < 0x80;
    }
    return (c == ' ' || (c >= '\t' && c <= '\r' && c != '\n')
            || (c >= 0x1c && c <= 0x1f));
}

static bool
is_word(const uint8_t *p, size_t n, const char *word)
{
    if (n != strlen(word)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        uint8_t c = p[i] >= 'A' && p[i] <= 'Z' ? p[i] + 32 : p[i];

        if (c != (uint8_t) word[i]) {
            return false;
        }
    }
    return true;
}

/* Splits the line of 'n' bytes at 'p', as http-head.c says.  False: there is
 * no word in it. */
static bool
split_slowly(const uint8_t *p, size_t n, size_t at[6])
{
    size_t i = 0, end = n, word;

    while (i < end && is_white(p, i)) {
        i++;
    }
    while (end > i && is_white(p, end - 1)) {
        end--;
    }
    at[0] = i;                          /* The method... */
    if (i && i < end && p[i] == '/') {
        at[0] = i = 0;                  /* There is none. */
    }
    while (i < end && !is_white(p, i)) {
        i++;
    }
    at[1] = i;                          /* ...and its end. */
    while (i < end && is_white(p, i)) {
        i++;
    }
    at[2] = i;                          /* The target... */
    for (word = end; word > i && !is_white(p, word - 1); word--) {
        continue;
    }
    at[3] = at[4] = at[5] = end;        /* ...and its end; the version... */
    if (word > i && end - word >= 5 && is_word(p + word, 5, "http/")) {
        at[4] = word;
        while (word > i && is_white(p, word - 1)) {
            word--;
        }
        at[3] = word;
    }
    return at[1] > at[0] || at[2] < at[5];
}

static void
check_line(const uint8_t *p, size_t n, const struct pp_http_head *head,
           bool found)
{
    size_t at[6];

    SAME(split_slowly(p, n, at), found);
    if (!found) {
        return;
    }
    SAME(head->method.off, at[0]);
    SAME(head->method.len, at[1] - at[0]);
    SAME(head->method_separator.off, at[1]);
    SAME(head->method_separator.len, at[2] - at[1]);
    SAME(head->target.off, at[2]);
    SAME(head->target.len, at[3] - at[2]);
    SAME(head->version_separator.off, at[3]);
    SAME(head->version_separator.len, at[4] - at[3]);
    SAME(head->version.off, at[4]);
    SAME(head->version.len, at[5] - at[4]);
    SAME(head->one_word, at[2] >= at[5]);
}

static enum pp_http_id
identify_slowly(const uint8_t *p, size_t n)
{
    while (n && (p[n - 1] == ' ' || p[n - 1] == '\t')) {
        n--;
    }
    return is_word(p, n, "connection") ? PP_HTTP_H_CONNECTION
           : is_word(p, n, "content-length") ? PP_HTTP_H_CONTENT_LENGTH
           : is_word(p, n, "content-type") ? PP_HTTP_H_CONTENT_TYPE
           : is_word(p, n, "cookie") ? PP_HTTP_H_COOKIE
           : is_word(p, n, "host") ? PP_HTTP_H_HOST
           : is_word(p, n, "transfer-encoding") ? PP_HTTP_H_TRANSFER_ENCODING
           : is_word(p, n, "upgrade") ? PP_HTTP_H_UPGRADE : PP_HTTP_H_OTHER;
}

static bool
is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Is there a place between 'pos' and 'end' where some servers have the head
 * end: a CR with no LF behind it, or a fold with nothing in it? */
static bool
may_end_slowly(const uint8_t *p, size_t pos, size_t end)
{
    size_t start = pos;

    for (size_t i = pos; i < end; i++) {
        size_t j = start;

        if (p[i] == '\r' && p[i + 1] != '\n') {
            return true;
        } else if (p[i] != '\n') {
            continue;
        }
        while (is_space(p[j]) && j < i) {
            j++;
        }
        if (start > pos && j == i && (p[start] == ' ' || p[start] == '\t')) {
            return true;
        }
        start = i + 1;
    }
    return false;
}

/* Holds the field lines that were found in the 'n' bytes at 'p' from 'pos' on
 * against what they are. */
static void
check_fields(const struct pp_reader *text, size_t pos, bool eof,
             const struct pp_http_fields *fields, enum pp_http_found found)
{
    const uint8_t *p = text->base;
    size_t n = text->end, i = 0, from = pos;

    while (pos < n) {
        const struct pp_http_field *f = &fields->f[i];
        size_t end = pos, ending, first = 0, name, value, stop;

        for (;;) {
            while (end < n && p[end] != '\n') {
                end++;
            }
            ending = end < n ? 1 + (end > pos && p[end - 1] == '\r') : 0;
            end += end < n;
            first = first ? first : end - ending;
            if (!ending && !eof) {
                SAME(found, PP_HTTP_MORE);
                return;
            } else if (end - pos == ending) {
                SAME(found, PP_HTTP_FOUND);
                SAME(fields->n, i);
                SAME(fields->end, end);
                SAME(fields->ending, ending);
                SAME(fields->may_end, may_end_slowly(p, from, end));
                HOLDS(!fields->truncated);
                return;
            } else if (end == n || (p[end] != ' ' && p[end] != '\t')) {
                break;
            }
        }
        stop = end - ending;
        /* A colon counts in the first line alone. */
        for (name = pos; name < first && p[name] != ':'; name++) {
            continue;
        }
        name = name < first ? name : stop;
        value = name < stop ? name + 1 : stop;
        HOLDS(i < fields->n);
        SAME(f->line.off, pos);
        SAME(f->line.len, end - pos);
        SAME(f->ending, ending);
        SAME(f->colon, name < stop);
        SAME(f->name_len, name - pos);
        SAME(f->id, f->colon ? identify_slowly(p + pos,
                                                            name - pos)
                          : PP_HTTP_H_OTHER);
        while (value < stop && is_space(p[value])) {
            value++;
        }
        while (stop > value && is_space(p[stop - 1])) {
            stop--;
        }
        SAME(pp_http_value(text, f).off, value);
        SAME(pp_http_value(text, f).len, stop - value);
        pos = end;
        i++;
    }
    SAME(found, eof ? PP_HTTP_FOUND : PP_HTTP_MORE);
    HOLDS(!eof || (fields->n == i && fields->truncated));
}

/* What heads are made of: 'n' pieces of 'list', by chance. */
static size_t
random_head(uint8_t *p, const char *const *list, int n_list, int n)
{
    size_t len = 0;

    while (n--) {
        const char *s = list[random_range(n_list)];
        size_t piece = strlen(s);

        memcpy(p + len, s, piece);
        len += piece;
    }
    return len;
}

START_TEST(test_lines)
{
    static const char *const parts[] = {
        "GET", "HTTP/1.1", "http/", "HTTP", "/", " ", " ", " ", "  ", "\t",
        "\v", "\r", "\x01", "\x80", "a", "/x?y=z", ":", "CONNECT",
        "\xa0", "\x85", "\xc3\xa0", "\x1c", "\x1f", " ", " ", "GET /",
        " HTTP/1.1", "GET ",
    };
    static struct pp_http_field list[TEXT_MAX];
    uint8_t data[TEXT_MAX];
    int n_found = 0;

    for (int round = 0; round < 40000; round++) {
        struct pp_http_head head = { .fields.f = list };
        size_t n = random_head(data, parts, ARRAY_SIZE(parts),
                               random_range(9));
        struct pp_reader text;
        enum pp_http_found found;

        memcpy(data + n, "\n\n", 2);
        text = text_of(data, n + 2, round % 2);
        found = pp_http_head_parse(&text, 0, false, &head);
        n -= n && data[n - 1] == '\r';
        check_line(data, n, &head, found == PP_HTTP_FOUND);
        n_found += found == PP_HTTP_FOUND;
    }
    ck_assert_int_gt(n_found, 1000);
}
END_TEST

START_TEST(test_fields)
{
    static const char *const parts[] = {
        "Host", "cookie", "Upgrade", "Connection", "CONTENT-TYPE",
        "Content-Length", "transfer-encoding", "X-Long-Name-Of-No-Meaning",
        "Accept", "Referer", ":", ": ", ":", ": ", " ", "\t", "\r", "\r\n",
        "\r\n", "\r\n", "\n", "\r\n ", "\n\t", "a", "\x80", "b=c",
        "a value that is somewhat longer than that of others, and goes on",
    };
    static struct pp_http_field list[TEXT_MAX];
    uint8_t data[TEXT_MAX];
    int n_found = 0;

    for (int round = 0; round < 40000; round++) {
        struct pp_http_fields fields = { .f = list };
        size_t n = random_head(data, parts, ARRAY_SIZE(parts),
                               random_range(40));
        size_t pos = n ? (size_t) random_range((int) MIN(n, 70)) : 0;
        struct pp_reader text = text_of(data, n, round % 2);
        bool eof = !random_range(3);
        enum pp_http_found found = pp_http_fields_parse(&text, pos, eof,
                                                        &fields);

        check_fields(&text, pos, eof, &fields, found);
        n_found += found == PP_HTTP_FOUND;
    }
    ck_assert_int_gt(n_found, 1000);
}
END_TEST

/* Lists, a byte at a time: the 'i'th piece of the 'n' bytes at 'p', which
 * 'separator' splits, and where its first '=' is, or else its end. */
static bool
piece_slowly(const uint8_t *p, size_t n, char separator, size_t i,
             size_t *start, size_t *stop, size_t *equals)
{
    *stop = SIZE_MAX;
    do {
        *start = *stop + 1;
        if (*start >= n) {
            return false;
        }
        for (*stop = *start; *stop < n && p[*stop] != separator; ++*stop) {
            continue;
        }
    } while (i--);
    for (*equals = *start; *equals < *stop && p[*equals] != '='; ++*equals) {
        continue;
    }
    return true;
}

/* The span from 'start' to 'stop' without white space on both sides. */
static struct pp_span
trim_slowly(const uint8_t *p, size_t start, size_t stop)
{
    while (start < stop && is_space(p[start])) {
        start++;
    }
    while (stop > start && is_space(p[stop - 1])) {
        stop--;
    }
    return pp_http_span(start, stop);
}

static void
check_span(struct pp_span found, struct pp_span want)
{
    SAME(found.off, want.off);
    SAME(found.len, want.len);
}

START_TEST(test_params)
{
    static struct pp_http_item items[TEXT_MAX];
    uint8_t data[400];

    for (int round = 0; round < 20000; round++) {
        struct pp_http_list list = { .item = items, .max = TEXT_MAX };
        size_t n = (size_t) random_range(ARRAY_SIZE(data)), found = 0;
        size_t start, stop, equals;
        struct pp_reader text;

        random_text(data, n, "abcdefghij&=", round % 2 ? 12 : 11);
        text = text_of(data, n, round % 3);
        pp_http_split_params(&text, pp_http_span(0, n), &list);
        for (size_t i = 0; piece_slowly(data, n, '&', i, &start, &stop,
                                        &equals); i++) {
            const struct pp_http_item *item = &items[found];

            if (start < stop) {
                found++;
                HOLDS(list.n >= found);
                check_span(item->raw, pp_http_span(start, stop));
                check_span(item->extent, item->raw);
                check_span(item->name, pp_http_span(start, equals));
                check_span(item->value,
                           pp_http_span(equals + (equals < stop), stop));
                SAME(item->equals, equals < stop);
            }
        }
        SAME(list.n, found);
        HOLDS(!list.full);
    }
}
END_TEST

START_TEST(test_cookies)
{
    struct pp_http_scratch *scratch = xcalloc(1, sizeof *scratch);
    struct pp_http_msg *m = &scratch->msg;
    struct pp_msg msg = { .decoded = m };
    uint8_t data[400] = "cookie:";

    m->scratch = scratch;
    m->head.fields.f = scratch->fields;
    for (int round = 0; round < 20000; round++) {
        size_t n = 7 + (size_t) random_range(ARRAY_SIZE(data) - 16);
        const struct pp_http_list *list;
        size_t start, stop, equals, found = 0;
        struct pp_span value;

        /* No line may end, nor begin. */
        random_text(data + 7, n - 7, "abcd \t;=", 8);
        for (size_t i = 7; i < n; i++) {
            data[i] = data[i] == '\n' ? 'x' : data[i];
        }
        memcpy(data + n, "\r\n\r\n", 4);
        m->text = text_of(data, n + 4, round % 2);
        memset(m->lists, 0, sizeof m->lists);
        SAME(pp_http_fields_parse(&m->text, 0, false,
                                              &m->head.fields),
                         PP_HTTP_FOUND);
        value = trim_slowly(data, 7, n);
        list = pp_http_list(&msg, PP_HTTP_L_COOKIES);
        for (size_t i = 0; piece_slowly(data + value.off, value.len, ';', i,
                                        &start, &stop, &equals); i++) {
            const struct pp_http_item *item = &list->item[found];
            struct pp_span trimmed;

            start += value.off;
            stop += value.off;
            equals += value.off;
            trimmed = trim_slowly(data, start, stop);
            if (trimmed.len) {
                found++;
                HOLDS(list->n >= found);
                check_span(item->raw, pp_http_span(start, stop));
                check_span(item->extent, trimmed);
                SAME(item->equals, equals < stop);
                check_span(item->name, trim_slowly(
                               data, trimmed.off,
                               MIN(equals, pp_http_span_end(trimmed))));
                if (item->equals) {
                    check_span(item->value, trim_slowly(
                                   data, equals + 1,
                                   pp_http_span_end(trimmed)));
                } else {
                    SAME(item->value.len, 0);
                }
            }
        }
        SAME(list->n, found);
    }
    free(scratch);
}
END_TEST

/* Keys are told apart without case, and hashed as they are told apart. */
START_TEST(test_keys)
{
    static const char bytes[] = "@AMZ[`amz{\xc1\xe1 09";
    uint8_t a[40], b[40];
    int n_equal = 0;

    for (int round = 0; round < 100000; round++) {
        size_t n = (size_t) random_range(ARRAY_SIZE(a));
        struct pp_bytes x, y;
        bool equal = true;

        for (size_t i = 0; i < n; i++) {
            a[i] = b[i] = (uint8_t) bytes[random_range(sizeof bytes - 1)];
            if (!random_range(8)) {
                b[i] ^= 0x20;
            } else if (!random_range(200)) {
                b[i] ^= (uint8_t) (1 << random_range(8));
            }
            equal = equal && (a[i] == b[i]
                              || ((a[i] ^ b[i]) == 0x20
                                  && (a[i] | 0x20) >= 'a'
                                  && (a[i] | 0x20) <= 'z'));
        }
        x = (struct pp_bytes) { a, n };
        y = (struct pp_bytes) { text_of(b, n, round % 2).base, n };
        SAME(pp_bytes_equal_nocase(x, y), equal);
        HOLDS(!equal || pp_hash_key(x) == pp_hash_key(y));
        n_equal += equal;
    }
    ck_assert_int_gt(n_equal, 1000);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("scan");
    TCase *tc = tcase_create("scan");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, test_blocks);
    tcase_add_test(tc, test_texts);
    tcase_add_test(tc, test_plain);
    tcase_add_test(tc, test_usual_names);
    tcase_add_test(tc, test_runs);
    tcase_add_test(tc, test_pieces);
    tcase_add_test(tc, test_lines);
    tcase_add_test(tc, test_fields);
    tcase_add_test(tc, test_params);
    tcase_add_test(tc, test_cookies);
    tcase_add_test(tc, test_keys);
    suite_add_tcase(suite, tc);
    return suite_main(suite);
}
