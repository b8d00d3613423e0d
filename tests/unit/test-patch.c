/* SPDX-License-Identifier: Apache-2.0 */

/* Patches: their files, the pool, the compiled program, correcting and
 * vectors. */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/pp-correct.h"
#include "engine/pp-vector.h"
#include "engine/pp-vet.h"
#include "openvswitch/dynamic-string.h"
#include "patch/pp-errors.h"
#include "patch/pp-patch.h"
#include "patch/pp-pool.h"
#include "patch/pp-program.h"
#include "match-driver.h"
#include "patch-text.h"
#include "pp-toy.h"
#include "suite.h"
#include "util.h"

static const char *const good[] = {
    HEAD RULE VECTORS,

    /* Reject, in full. */
    GOOD("on: command\n"
         "when: verb == 'EVIL'\n"
         "correct:\n"
         "  reject:\n"
         "    status: 403\n"
         "    reason: \"No $$ ${verb}\"\n"
         "    headers:\n"
         "      - Date: ${date}\n"
         "      - X-${verb}: \"${n.pairs}\"\n"
         "    body: ${upper(argument)}\n"
         "    close: true\n",
         EXPLOIT("\"EVIL abc a=b\\nGOOD\\n\"",
                 "to-client: \"403 No $$ EVIL Date:${date} X-EVIL:1 ABC\\n\", "
                 "close: fin")
         BENIGN("\"EVILx\\n\"")),

    /* What comes from the client cannot end a header. */
    GOOD("on: command\nwhen: verb == 'EVIL'\n"
         "correct: {reject: {status: 1, headers: [{H: "
         "'${percent_decode(argument)}'}]}}\n",
         EXPLOIT("\"EVIL a%0d%0ab%00c\\n\"", "to-client: \"1  H:a  b c \\n\"")
         BENIGN("\"X\\n\"")),

    GOOD("on: command\nwhen: verb == 'EVIL'\n"
         "correct: {reject: {raw: \"${verb}?\\n\"}}\n",
         EXPLOIT("\"EVIL\\nGOOD\\n\"",
                 "to-client: \"EVIL?\\n\", to-server: \"GOOD\\n\"")
         BENIGN("\"GOOD\\n\"")),

    /* Close, both ways; drop. */
    GOOD("on: command\nwhen: verb == 'EVIL'\ncorrect: close\n",
         EXPLOIT("\"A\\nEVIL\\nB\\n\"", "to-server: \"A\\n\", close: fin")
         BENIGN("\"GOOD\\n\"")),
    GOOD("on: command\nwhen: verb == 'EVIL'\ncorrect: {close: reset}\n",
         EXPLOIT("\"EVIL\\n\"", "close: reset") BENIGN("\"GOOD\\n\"")),
    GOOD("on: command\nwhen: verb == 'EVIL'\ncorrect: drop\n",
         EXPLOIT("\"A\\nEVIL\\nB\\n\"", "to-server: \"A\\nB\\n\"")
         BENIGN("\"GOOD\\n\"")),

    /* Delete: an element, a field of it, all with a key, a field. */
    GOOD("on: command\neach: pairs\nwhen: name ~= 'evil'\n"
         "correct: delete\n",
         EXPLOIT("\"A b evil=1 c=2 EVIL=3\\n\"",
                 "to-server: \"A b c=2\\n\"")
         BENIGN("\"A b evi=1\\n\"")),
    GOOD("on: command\neach: pairs['evil']\nwhen: size > 1\n"
         "correct: {delete: value}\n",
         EXPLOIT("\"A b evil=12 evil=1 c=23\\n\"",
                 "to-server: \"A b evil= evil=1 c=23\\n\"")
         BENIGN("\"A b c=12\\n\"")),
    GOOD("on: command\nwhen: count(pairs['x']) > 1\n"
         "correct: {delete: \"pairs['x']\"}\n",
         EXPLOIT("\"A b x=1 y=1 X=1\\n\"", "to-server: \"A b y=1\\n\"")
         BENIGN("\"A b x=1 y=1\\n\"")),
    GOOD("on: command\nwhen: argument starts_with '-'\n"
         "correct: {replace: argument, with: \"''\"}\n",
         EXPLOIT("\"A -f x=1\\n\"", "to-server: \"A  x=1\\n\"")
         BENIGN("\"A f- x=1\\n\"")),

    /* Replace, truncate, insert. */
    GOOD("on: command\nwhen: pairs['n'].value == '666'\n"
         "correct: {replace: \"pairs['n'].value\", "
         "with: decimal(parse_int(\"pairs\") + n.pairs)}\n",
         EXPLOIT("\"A b N=666 n=1\\n\"", "to-server: \"A b N=1 n=1\\n\"")
         BENIGN("\"A b n=6666\\n\"")),
    GOOD("on: command\neach: pairs\nwhen: size > 3\n"
         "correct: {truncate: value, to: index}\n",
         EXPLOIT("\"A b a=xyzw b=xyzw c=xyz d=xyzwv\\n\"",
                 "to-server: \"A b a= b=x c=xyz d=xyz\\n\"")
         BENIGN("\"A b a=xyz\\n\"")),
    GOOD("on: command\nwhen: argument == '..'\n"
         "correct: {insert: \"'./'\", before: argument}\n",
         EXPLOIT("\"A .. c\\n\"", "to-server: \"A ./.. c\\n\"")
         BENIGN("\"A . c\\n\"")),
    GOOD("on: command\nwhen: argument == '..'\n"
         "correct: {insert: put_byte(0x2f), after: argument}\n",
         EXPLOIT("\"A .. c\\n\"", "to-server: \"A ../ c\\n\"")
         BENIGN("\"A . c\\n\"")),

    /* Clamp, in each form; numbers that are within stay. */
    GOOD("on: command\neach: pairs\n"
         "when: is_decimal(value) and (parse_int(value) > 9"
         " or parse_int(value) < 2)\n"
         "correct: {clamp: value, min: 2, max: 4 + 5}\n",
         EXPLOIT("\"A b a=10 b=99999999999999999999 c=007 d=0 e=9\\n\"",
                 "to-server: \"A b a=9 b=9 c=007 d=2 e=9\\n\"")
         BENIGN("\"A b a=9 b=2\\n\"")),
    GOOD("on: command\nwhen: strtol(argument, 10) < -5\n"
         "correct: {clamp: argument, min: -5}\n",
         EXPLOIT("\"A -99999999999999999999 c\\n\"",
                 "to-server: \"A -5 c\\n\"")
         BENIGN("\"A -5 c\\n\"")),
    GOOD("on: command\nwhen: parse_hex(argument) > 0xff\n"
         "correct: {clamp: argument, max: 0xff, as: hex}\n",
         EXPLOIT("\"A 1F00 c\\n\"", "to-server: \"A ff c\\n\"")
         BENIGN("\"A FF c\\n\"")),
    GOOD("on: command\nwhen: be16(argument, 0) > 0x4142\n"
         "correct: {clamp: argument, max: 0x4142, as: be}\n",
         EXPLOIT("\"A CA c\\n\"", "to-server: \"A AB c\\n\"")
         BENIGN("\"A AB c\\n\"")),
    GOOD("on: command\nwhen: le16(argument, 0) > 0x4142\n"
         "correct: {clamp: argument, max: 0x4142, as: le}\n",
         EXPLOIT("\"A AC c\\n\"", "to-server: \"A BA c\\n\"")
         BENIGN("\"A BA c\\n\"")),
    /* What is no number, or has no room for it, does not get through. */
    GOOD("on: command\nwhen: argument starts_with '9'\n"
         "correct: {clamp: argument, max: 5}\n",
         EXPLOIT("\"A 9x c\\n\"", "close: reset")
         EXPLOIT("\"A 9 c\\n\"", "to-server: \"A 5 c\\n\"")
         BENIGN("\"A x9\\n\"")),
    GOOD("on: command\nwhen: len(argument) == 1\n"
         "correct: {clamp: argument, min: 256, as: be}\n",
         EXPLOIT("\"A x c\\n\"", "close: reset") BENIGN("\"A xy\\n\"")),

    /* An answer, and a FIN or a RST behind it. */
    GOOD("on: command\nwhen: verb == 'EVIL'\n"
         "correct: {reject: {status: 1, close: reset}}\n",
         EXPLOIT("\"A\\nEVIL\\nB\\n\"",
                 "to-server: \"A\\n\", to-client: \"1  \\n\", close: reset")
         BENIGN("\"GOOD\\n\"")),
    GOOD("on: command\nwhen: verb == 'EVIL'\n"
         "correct: {reject: {raw: bye, close: fin}}\n",
         EXPLOIT("\"EVIL\\nB\\n\"", "to-client: bye, close: fin")
         BENIGN("\"GOOD\\n\"")),

    /* Several rules: the first that decides alone wins, over edits too. */
    HEAD "rules:\n"
    "  - on: command\n    when: verb == 'EVIL'\n"
    "    correct: {replace: verb, with: \"'GOOD'\"}\n"
    "  - on: command\n    when: argument in ['a', 'b']\n"
    "    correct: reject 500\n    same-as-vendor: here too\n"
    "  - on: comment\n    when: text contains 'x'\n    correct: close\n"
    "  - on: command\n    when: argument in ['b', 'a', 'c', 'a']\n"
    "    correct: reject 501\n"
    "vectors:\n"
    EXPLOIT("\"EVIL a\\nEVIL c\\nX c\\nEVIL d\\n# x\\n\"",
            "to-client: \"500  \\n501  \\n501  \\n\", "
            "to-server: \"GOOD d\\n\", close: fin")
    BENIGN("\"X d\\n# y\\n\""),

    /* Conversations, and bytes that are no text. */
    GOOD("on: command\nwhen: argument contains '\\xff'\ncorrect: reject 1\n",
         "  - exploit: e\n"
         "    steps:\n"
         "      - client: \"A b\\n\"\n"
         "      - expect: {to-server: \"A b\\n\"}\n"
         "      - server: \"hello\"\n"
         "      - client: !bytes \"A \\xff\\n\"\n"
         "      - expect: {to-client: \"hello1  \\n\"}\n"
         "      - end: server\n"
         "      - end: client\n"
         "  - benign: b\n    to-server: \"A \\xff\\n\"\n"
         "  - benign: c\n    to-server: !bytes 'A \xc3\xbe'\n"),

    /* Who speaks to whom, whatever the proxy publishes. */
    GOOD("on: command\n"
         "when: client.address in net ['192.0.2.0/31', '2001:db8::/32']"
         " and client.port > 1024 and server.port == 7"
         " and verb == ip_text(server.address)\n"
         "correct: {reject: {status: 1, reason: "
         "'${ip_text(client.address)} ${client.port}'}}\n",
         EXPLOIT("\"192.0.2.2 a\\n\"", "to-client: \"1 192.0.2.1 49152 \\n\"")
         "  - exploit: e\n"
         "    addresses: {client: \"2001:db8::1\", server: \"::2\"}\n"
         "    to-server: \"::2 b\\n\"\n"
         "    expect: {to-client: \"1 2001:db8::1 49152 \\n\"}\n"
         BENIGN("\"192.0.2.1 a\\n\"")
         "  - benign: b\n"
         "    addresses: {client: 192.0.2.3, server: 192.0.2.2}\n"
         "    to-server: \"192.0.2.2 a\\n\"\n"),

    /* A search that would take too long counts as the patch says. */
    GOOD("on: command\nwhen: matches(argument, '^(a|aa)+$', true)\n"
         "correct: drop\n",
         EXPLOIT("\"A aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\\nB\\n\"",
                 "to-server: \"B\\n\"")
         BENIGN("\"A aaab\\n\"")),

    /* Parameters. */
    GOOD("parameters:\n"
         "  most: {type: int, default: 3, min: 0, max: 9, about: a}\n"
         "  evil: {type: bytes, default: E, max: 20, about: b}\n"
         "on: command\n"
         "when: verb == evil and len(argument) > most\n"
         "correct: drop\n",
         EXPLOIT("\"E abcd\\nB\\n\"", "to-server: \"B\\n\"")
         BENIGN("\"E abc\\nF abcd\\n\"")),

    /* Names for expressions, and the element of 'each' from within. */
    GOOD("let:\n"
         "  low: lower(argument)\n"
         "  path: normalize_path(low)\n"
         "on: command\n"
         "when: path != argument and low contains '..'\n"
         "correct: {replace: argument, with: path}\n",
         EXPLOIT("\"A /X/../Y\\n\"", "to-server: \"A /y\\n\"")
         BENIGN("\"A /X/./Y\\n\"")),
    GOOD("let: {twice: 'any(pairs, name ~= each.name and index < each.index)'}"
         "\non: command\neach: pairs\nwhen: twice\ncorrect: delete\n",
         EXPLOIT("\"A b x=1 y=2 X=3 y=4 z=5\\n\"",
                 "to-server: \"A b x=1 y=2 z=5\\n\"")
         BENIGN("\"A b x=1 xx=1\\n\"")),

    /* Within a loop a name is about the element that the loop is at. */
    GOOD("let: {evil: \"name ~= 'evil' and size > 1\"}\n"
         "on: command\neach: pairs\n"
         "when: evil and not any(pairs, evil and index < each.index)\n"
         "correct: {replace: value, with: \"'-'\"}\n",
         EXPLOIT("\"A b evil=1 c=2 evil=34 EVIL=56\\n\"",
                 "to-server: \"A b evil=1 c=2 evil=- EVIL=-\\n\"")
         BENIGN("\"A b evil=1 c=23\\n\"")),
    GOOD("let: {again: 'name ~= each.name and index < each.index'}\n"
         "on: command\neach: pairs\nwhen: any(pairs, again)\n"
         "correct: delete\n",
         EXPLOIT("\"A b x=1 y=2 X=3\\n\"", "to-server: \"A b x=1 y=2\\n\"")
         BENIGN("\"A b x=1 xx=1\\n\"")),
    GOOD("let:\n"
         "  digits: is_decimal(piece)\n"
         "  numbers: all(split(value, ','), digits)\n"
         "on: command\n"
         "when: >\n"
         "  count(pairs, numbers) == 2\n"
         "  and sum(pairs, if(numbers, index, 0)) == 3\n"
         "correct: drop\n",
         EXPLOIT("\"A b a=- b=1,2 c=34\\nB\\n\"", "to-server: \"B\\n\"")
         BENIGN("\"A b a=1 b=1,2 c=3,-\\n\"")),

    /* What a name goes through leaves the loop around it where it is. */
    GOOD("let: {some: \"any(pairs, name == 'x')\"}\n"
         "on: command\nwhen: any(pairs, some and name == 'y')\n"
         "correct: drop\n",
         EXPLOIT("\"A b y=1 x=2\\nB\\n\"", "to-server: \"B\\n\"")
         BENIGN("\"A b y=1 z=2\\n\"")),

    /* What is bound within a name is nobody else's, and one of the rule's own
     * element can be had from anywhere. */
    GOOD("let:\n"
         "  own: size > 0 and not any(split(value, ','), piece == each.name)\n"
         "on: command\neach: pairs\n"
         "when: any(pairs, own and any(split(value, ','), index == 1))\n"
         "correct: delete\n",
         EXPLOIT("\"A b x=1 y=x,z\\n\"", "to-server: \"A b x=1\\n\"")
         BENIGN("\"A b x=1 y=2\\n\"")),

    /* A lone benign vector may say what it expects. */
    GOOD(RULE, EXPLOIT("\"EVIL x\\n\"", "to-client: \"400  \\n\"")
         "  - benign: b\n    to-server: \"A\\nB\"\n"
         "    expect: {to-server: \"A\\n\"}\n"),
};

START_TEST(test_good)
{
    patch_text_good(good[_i]);
}
END_TEST

/* What is wrong with files, and where. */
static const struct {
    const char *text;
    const char *error;
} bad[] = {
    { "", "T-1.yaml:1:1: the file is empty" },
    { "- a\n", ":1:1: a patch must be a map of keys, this is a list" },
    { "a: [\n", ":2:1: not YAML: " },
    { "a: \"\xff\"\n", "a patch file is UTF-8 text" },
    { "a: &x b\n", ":1:4: anchors are not allowed" },
    { "a: *x\n", ":1:4: aliases are not allowed" },
    { "a: !!str b\n", ":1:4: unknown tag" },
    { "a: !bytes [b]\n", ":1:4: unknown tag" },
    { "a: !bytes \"\\u0100\"\n", ":1:4: a character beyond U+00FF" },
    { "a: b\n---\nc: d\n", "a second document" },
    { "a: b\na: c\n", ":2:1: key 'a' stands here for the second time" },
    { "a: [[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]\n", "nested more than" },
    { "[a]: b\n", ":1:1: a key must be a word" },
    { "? [a]\n: b\n", ":1:3: a key must be a word" },
    { "title: x\n", "key 'patch' is missing" },
    { HEAD RULE, "key 'vectors' is missing" },
    { HEAD RULE VECTORS "extra: 1\n", "17:1: unknown key 'extra'" },
    { "patch: T-2\n", ":1:8: the file's name is 'T-1.yaml'" },
    { "patch: 'T 1'\n", ":1:8: an id has up to" },
    { "patch: all\n", "cannot be an id" },
    { "proxy: tay\n", ":1:8: there is no proxy 'tay'; there are: toy" },
    { "severity: high\n", "from 0.0 to 10.0" },
    { "severity: 11\n", "from 0.0 to 10.0" },
    { "severity: nan\n", "from 0.0 to 10.0" },
    { "affects: []\n", "which product is it?" },
    { "affects: [{product: 'a b', versions: x}]\n", "no blanks" },
    { "affects: [{product: a}]\n", ":1:11: key 'versions' is missing" },
    { "title: ''\n", "'title' is empty" },
    { "title: \"a\\0b\"\n", "has a NUL in it" },
    { "title: [x]\n", "'title' must be a text, this is a list" },
    { HEAD "on: commend\nwhen: 'true'\ncorrect: drop\n" VECTORS,
      ":8:5: proxy 'toy' has no event 'commend'; it has: command" },
    { HEAD "on: reply\nwhen: 'true'\ncorrect: drop\n" VECTORS,
      ":8:5: the event 'reply' comes from the server" },
    { HEAD "on: command\nwhen: verb\ncorrect: drop\n" VECTORS,
      ":9:7: 'when' must be a condition, this is bytes" },
    { HEAD "on: command\neach: verb\nwhen: 'true'\ncorrect: drop\n" VECTORS,
      ":9:7: 'each' wants a list, this is bytes" },
    { HEAD "on: command\nwhen: 'true'\ncorrect: block\n" VECTORS,
      ":10:10: unknown correction 'block'; known: reject" },
    { HEAD "on: command\nwhen: 'true'\ncorrect: delete\n" VECTORS,
      ":10:10: 'delete' alone deletes the element" },
    { HEAD "on: command\nwhen: 'true'\ncorrect: {delete: n.pairs}\n" VECTORS,
      "'n.pairs' cannot be edited" },
    { HEAD "on: command\nwhen: 'true'\ncorrect: {delete: lower(verb)}\n"
      VECTORS, "this is something computed" },
    { HEAD "on: command\nwhen: 'true'\ncorrect: {replace: verb}\n" VECTORS,
      "key 'with' is missing" },
    { HEAD "on: command\nwhen: 'true'\ncorrect: {replace: verb, with: 1}\n"
      VECTORS, "'with' must be bytes, this is an integer; decimal()" },
    { HEAD "on: command\nwhen: 'true'\ncorrect: {truncate: verb, to: verb}\n"
      VECTORS, "'to' must be an integer, this is bytes" },
    { HEAD "on: command\nwhen: 'true'\ncorrect: {clamp: verb}\n" VECTORS,
      "'clamp' wants 'min', 'max' or both" },
    { HEAD "on: command\nwhen: 'true'\ncorrect: {clamp: verb, max: verb}\n"
      VECTORS, "'max' must be an integer, this is bytes" },
    { HEAD "on: command\nwhen: 'true'\n"
      "correct: {clamp: verb, max: 1, as: octal}\n" VECTORS,
      "as decimal, hex, be or le, not as 'octal'" },
    { HEAD "on: command\nwhen: 'true'\ncorrect: {clamp: n.pairs, max: 1}\n"
      VECTORS, "'n.pairs' cannot be edited" },
    { HEAD "on: command\nwhen: 'true'\ncorrect: {insert: \"'x'\"}\n" VECTORS,
      "either 'before' or 'after'" },
    { HEAD "on: command\nwhen: 'true'\n"
      "correct: {insert: \"'x'\", before: verb, after: verb}\n" VECTORS,
      "either 'before' or 'after'" },
    { HEAD "on: command\nwhen: 'true'\n"
      "correct: {insert: \"''\", before: verb}\n" VECTORS,
      "to insert nothing changes nothing" },
    { HEAD "on: command\nwhen: 'true'\n"
      "correct: {reject: {status: 1, close: now}}\n" VECTORS,
      "'close' is true, false, fin or reset" },
    { HEAD "on: command\nwhen: 'true'\n"
      "correct: {delete: verb, with: \"'x'\"}\n" VECTORS,
      "unknown key 'with' in this correction; or it does not belong" },
    { HEAD "on: command\nwhen: 'true'\ncorrect: {close: now}\n" VECTORS,
      "'close' is 'fin' or 'reset'" },
    { HEAD "on: command\nwhen: 'true'\ncorrect: {drop: now}\n" VECTORS,
      "says nothing that is known" },
    { HEAD "on: command\nwhen: 'true'\ncorrect: {reject: {body: x}}\n"
      VECTORS, ":10:19: key 'status' is missing in 'reject'" },
    { HEAD "on: command\nwhen: 'true'\ncorrect: {reject: {status: 1, "
      "headers: [a]}}\n" VECTORS, "\"- Name: value\"" },
    { HEAD "on: command\nwhen: 'true'\ncorrect: {reject: {status: 1, body: "
      "'${x}'}}\n" VECTORS, ":10:40: field 'x' is not known" },
    { HEAD "on: command\nwhen: 'true'\ncorrect: {reject: {raw: a, status: "
      "1}}\n" VECTORS, "unknown key 'status' in a raw" },

    /* Places within expressions, in every way of writing a scalar. */
    { HEAD "on: command\nwhen: verb == 'x' and varb == 'x'\n"
      "correct: drop\n" VECTORS, ":9:23: field 'varb' is not known" },
    { HEAD "on: command\nwhen: verb == 'x'\n  and\n    varb == 'x'\n"
      "correct: drop\n" VECTORS, ":11:5: field 'varb' is not known" },
    { HEAD "on: command\nwhen: >\n  verb == 'x'\n  and varb == 'x'\n"
      "correct: drop\n" VECTORS, ":11:7: field 'varb' is not known" },
    { HEAD "on: command\nwhen: |\n  verb == 'x'\n  and varb == 'x'\n"
      "correct: drop\n" VECTORS, ":11:7: field 'varb' is not known" },
    { HEAD "on: command\nwhen: \"verb == \\\"x\\\" and varb == 'x'\"\n"
      "correct: drop\n" VECTORS, ":9:26: field 'varb' is not known" },
    { HEAD "on: command\nwhen: 'verb == ''x'' and varb == ''x'''\n"
      "correct: drop\n" VECTORS, ":9:26: field 'varb' is not known" },
    { HEAD "on: command\nwhen: \"verb == '\\\\n' and varb == 'x'\"\n"
      "correct: drop\n" VECTORS, ":9:26: field 'varb' is not known" },

    { HEAD "let:\n  a: verb\n  b: concat(a, varb)\n" "on: command\n"
      "when: b == ''\ncorrect: drop\n" VECTORS,
      ":10:16: field 'varb' is not known" },
    { HEAD "let:\n  a: b\n  b: verb\non: command\nwhen: a == ''\n"
      "correct: drop\n" VECTORS, ":9:6: field 'b' is not known" },
    { HEAD "let:\n  a: verb\non: command\nwhen: a\ncorrect: drop\n" VECTORS,
      ":11:7: 'when' must be a condition" },
    { HEAD "let:\n  a: verb\non: command\nwhen: 1 == 2 or not a\n"
      "correct: drop\n" VECTORS, ":11:21: 'not' wants a condition" },
    { HEAD "let:\n  verb: verb\non: command\nwhen: 'true'\n"
      "correct: drop\n" VECTORS, ":9:3: 'verb' means something" },
    { HEAD "let:\n  a1: verb\non: command\nwhen: 'true'\n"
      "correct: drop\n" VECTORS, ":9:3: a name in 'let'" },
    { HEAD "let:\n  a: verb\n" RULE VECTORS, ":9:6: 'a' is not used" },
    { HEAD "let:\n  a: size > index\n  b: a\non: command\neach: pairs\n"
      "when: >\n  b and\n  any(split(value, ','), b)\ncorrect: drop\n" VECTORS,
      ":10:6: 'a' would read 'size' of one list's element and 'index' of "
      "another's here" },
    { HEAD "let:\n  a: size > 1\n  b: a and piece == ''\non: command\n"
      "when: any(pairs, any(split(value, ','), b))\ncorrect: drop\n" VECTORS,
      ":12:41: 'b' would read 'size' of one list's element and 'piece' of" },
    { HEAD "let:\n  a: size > 1\non: command\n"
      "when: a and any(pairs, a)\ncorrect: drop\n" VECTORS,
      ":9:6: field 'size' is not known" },
    { HEAD "let:\n  a: any(pairs, size > 1)\non: command\n"
      "when: any(pairs, any(pairs, any(pairs, a)))\ncorrect: drop\n" VECTORS,
      ":9:6: lists within lists: at most 3 deep" },
    { HEAD "let:\n  a: verb\n  b: concat(a,a,a,a,a,a,a,a)\n"
      "  c: concat(b,b,b,b,b,b,b,b)\n  d: concat(c,c,c,c,c,c,c,c)\n"
      "  e: concat(d,d,d,d,d,d,d,d)\n  f: concat(e,e,e,e,e,e,e,e)\n"
      "  g: concat(f,f,f,f,f,f,f,f)\n  h: concat(g,g,g,g,g,g,g,g)\n"
      "on: command\nwhen: h == ''\ncorrect: drop\n" VECTORS,
      "more than 2000 parts" },

    /* Vectors. */
    { HEAD RULE "vectors: []\n", "at least one exploit and one benign" },
    { HEAD RULE "vectors: [{to-server: a}]\n", "either 'exploit: NAME' or" },
    { HEAD RULE "vectors: [{exploit: a}]\n", "either 'to-server'" },
    { HEAD RULE "vectors: [{exploit: a, to-server: b}]\n",
      "an exploit needs 'expect'" },
    { HEAD RULE "vectors: [{exploit: a, to-server: b, expect: {x: y}}]\n",
      "unknown key 'x' in 'expect'" },
    { HEAD RULE "vectors: [{exploit: a, to-server: b, expect: {to-client: "
      "'$x'}}]\n", "a dollar sign is written \"$$\"" },
    { HEAD RULE "vectors: [{exploit: a, to-server: b, expect: {}, addresses: "
                "{client: x}}]\n", "'x' is not the IP address of a client" },
    { HEAD RULE "vectors: [{exploit: a, to-server: b, expect: {}, addresses: "
                "{server: '::1'}}]\n", "of different families" },
    { HEAD RULE "vectors: [{exploit: a, to-server: b, expect: {}, addresses: "
                "{x: '::1'}}]\n", "client, server" },
    { HEAD RULE "vectors: [{exploit: a, to-server: b, expect: {close: x}}]\n",
      "fin, reset or none" },
    { HEAD RULE "vectors: [{exploit: a, steps: [{clint: x}]}]\n",
      "unknown key 'clint' in a step" },
    { HEAD RULE "vectors: [{exploit: a, steps: [{client: x, server: y}]}]\n",
      "a step is one of" },
    { HEAD RULE "vectors: [{exploit: a, to-server: [b, [c]], expect: {}}]\n",
      "'to-server' must be" },
    { HEAD RULE "vectors: [{exploit: a, to-server: {repeat: b}}]\n",
      "key 'times' is missing in 'to-server'" },
    { HEAD RULE "vectors: [{exploit: a, to-server: {repeat: b, times: -1}}]\n",
      "'times' is a number" },
    { HEAD RULE "vectors: [{exploit: a, to-server: [{repeat: bb, times: "
                "2097152}, {repeat: b, times: 1}]}]\n",
      "'times' is a number, and makes no more than 4194304 bytes" },
    { HEAD RULE "vectors: [{exploit: a, to-server: {repeat: bb, times: "
                "2097152}, expect: {to-client: b}}]\n",
      "the vectors have more than 4194304 bytes" },
    { HEAD RULE "vectors: [{exploit: a, to-server: {repeat: b, times: 1, "
                "more: c}}]\n", "unknown key 'more' in 'to-server'" },
};

START_TEST(test_bad)
{
    patch_text_bad(bad[_i].text, bad[_i].error);
}
END_TEST

START_TEST(test_large_file)
{
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    char *text = xmalloc(PP_PATCH_FILE_MAX + 1);

    memset(text, '#', PP_PATCH_FILE_MAX + 1);
    ck_assert_ptr_null(pp_patch_parse("T-1.yaml", text, PP_PATCH_FILE_MAX + 1,
                                      pp_toys, &errors));
    ck_assert_ptr_nonnull(strstr(errors.list[0].text, "at most 1048576"));
    pp_errors_destroy(&errors);
    free(text);
}
END_TEST

/* Vectors that do not hold must be found out. */
static const struct {
    const char *text;
    const char *error;
} wrong[] = {
    { GOOD(RULE, EXPLOIT("\"EVIL x\\n\"", "to-client: \"401  \\n\"")
           BENIGN("\"A\\n\"")), "to-client: at byte 2 there is \"400" },
    { GOOD(RULE, EXPLOIT("\"EVIL x\\nB\\n\"", "to-client: \"400  \\n\"")
           BENIGN("\"A\\n\"")), "to-server: at byte 0 there is \"B\\n\"" },
    { GOOD(RULE, EXPLOIT("\"EVIL x\\n\"",
                         "to-client: \"400  \\n\", close: fin")
           BENIGN("\"A\\n\"")), "the connection is open, expected" },
    { GOOD(RULE, EXPLOIT("\"B\\n\"", "to-server: \"B\\n\"")
           BENIGN("\"A\\n\"")), "condition was never true" },
    { GOOD(RULE, EXPLOIT("\"EVIL x\\n\"", "to-client: \"400  \\n\"")
           BENIGN("\"EVIL\\n\"")), "benign 'b', sent whole: to-server:" },
    /* Replacing a word by itself makes no edit, but is a hit. */
    { GOOD("on: command\nwhen: verb == 'EVIL'\ncorrect: drop\n",
           EXPLOIT("\"EVIL x\\n\"", "")
           "  - benign: b\n    steps:\n    - client: \"EVIL\\n\"\n"
           "    - expect: {to-server: \"\"}\n"), "condition is true for it" },
    /* A correction after which the condition still holds. */
    { GOOD("on: command\nwhen: verb starts_with 'E'\n"
           "correct: {insert: \"'E'\", before: verb}\n",
           EXPLOIT("\"EVIL x\\n\"", "to-server: \"EEVIL x\\n\"")
           BENIGN("\"A\\n\"")), "to-server: at byte 0 there is \"\"" },
};

START_TEST(test_wrong)
{
    patch_text_wrong(wrong[_i].text, wrong[_i].error);
}
END_TEST

/* The pool. */

static char *dir;

static void
write_file(const char *name, const char *text)
{
    char *path = xasprintf("%s/%s", dir, name);
    FILE *f = fopen(path, "w");

    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
    free(path);
}


static void
make_dir(void)
{
    char template[] = "/tmp/test-patch-XXXXXX";
    char *sub;

    dir = xstrdup(mkdtemp(template));
    sub = xasprintf("%s/toy", dir);
    ck_assert_int_eq(mkdir(sub, 0700), 0);
    free(sub);
}

static void
remove_dir(void)
{
    char *command = xasprintf("rm -rf '%s'", dir);

    ck_assert_int_eq(system(command), 0);
    free(command);
    free(dir);
}

static struct pp_pool *
load(enum pp_pool_mode mode, struct pp_errors *errors)
{
    return pp_pool_load((const char *const *) &dir, 1, pp_toys, mode, errors);
}

static void
write_patch(const char *file, const char *id, const char *product,
            const char *when)
{
    char *text = patch_text(id, product, when);

    write_file(file, text);
    free(text);
}

START_TEST(test_pool)
{
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    uint64_t bitmap[1] = { 0 };
    struct pp_pool *pool;
    bool is_auto;
    size_t index;
    char *error;

    make_dir();
    write_patch("toy/B-2.yaml", "B-2", "toy/box", "verb == 'b'");
    write_patch("toy/A-1.yaml", "A-1", "toy/car", "verb == 'a'");
    write_patch("C-3.yaml", "C-3", "toy/box", "verb == 'c'");
    write_file("toy/.hidden.yaml", "x");
    write_file("README", "x");
    pool = load(PP_POOL_ALL_OR_NOTHING, &errors);
    ck_assert_ptr_nonnull(pool);
    ck_assert_uint_eq(pool->n, 3);
    ck_assert_str_eq(pool->patches[0]->id, "A-1");
    ck_assert_ptr_nonnull(pp_pool_find(pool, "C-3", &index));
    ck_assert_uint_eq(index, 2);
    ck_assert_ptr_null(pp_pool_find(pool, "C-4", &index));

    ck_assert(pp_pool_select(pool, "all", bitmap, NULL, &error));
    ck_assert_uint_eq(bitmap[0], 7);
    bitmap[0] = 0;
    ck_assert(pp_pool_select(pool, "box", bitmap, NULL, &error));
    ck_assert_uint_eq(bitmap[0], 6);
    bitmap[0] = 0;
    ck_assert(pp_pool_select(pool, "toy/car, C-*", bitmap, &is_auto, &error));
    ck_assert_uint_eq(bitmap[0], 5);
    ck_assert(!is_auto);
    bitmap[0] = 0;
    ck_assert(pp_pool_select(pool, "none", bitmap, NULL, &error));
    ck_assert_uint_eq(bitmap[0], 0);
    ck_assert(pp_pool_select(pool, "auto A-1", bitmap, &is_auto, &error));
    ck_assert(is_auto);
    ck_assert_uint_eq(bitmap[0], 1);
    ck_assert(!pp_pool_select(pool, "A-1 X-9", bitmap, NULL, &error));
    ck_assert_ptr_nonnull(strstr(error, "'X-9' is no patch id"));
    free(error);
    ck_assert(!pp_pool_select(pool, "auto", bitmap, NULL, &error));
    free(error);
    ck_assert(!pp_pool_select(pool, " ", bitmap, NULL, &error));
    free(error);
    ck_assert_uint_eq(bitmap[0], 1);
    pp_pool_unref(pool);

    /* A bad file and a double one: all is reported, and either nothing or
     * what is good is loaded. */
    write_file("toy/D-4.yaml", "x: y\n");
    write_patch("toy/C-3.yaml", "C-3", "toy/box", "verb == 'd'");
    ck_assert_ptr_null(load(PP_POOL_ALL_OR_NOTHING, &errors));
    ck_assert_uint_ge(errors.n, 2);
    pp_errors_destroy(&errors);
    pool = load(PP_POOL_WHAT_IS_GOOD, &errors);
    ck_assert_uint_eq(pool->n, 3);
    ck_assert_ptr_nonnull(strstr(errors.list[errors.n - 1].text,
                                 "is in"));
    ck_assert_ptr_eq(pp_pool_ref(pool), pool);
    pp_pool_unref(pool);
    pp_pool_unref(pool);
    pp_errors_destroy(&errors);
    remove_dir();
}
END_TEST

/* Programs. */

START_TEST(test_describe)
{
    static const char *const conditions[] = {
        "verb == 'A' and n.pairs > 0 and pairs['K'].value == 'v' and "
        "any(pairs, name == 'k') and verb != 'B'",
    };
    struct pp_seen seen[PP_RULE_CAPTURES_MAX];
    struct pp_pool *pool = make_pool(conditions, 1);
    struct pp_hits hits;
    struct pp_msg msg;
    struct engine e;

    engine_init(&e, pool);
    engine_match(&e, "A b k=v\n", &msg, &hits);
    ck_assert_uint_eq(hits.n, 1);
    ck_assert_uint_eq(pp_hit_describe(e.program, &msg, &hits.h[0], &e.m,
                                      seen), 3);
    ck_assert_str_eq(seen[0].name, "verb");
    ck_assert_mem_eq(seen[0].value.s.p, "A", 1);
    ck_assert_str_eq(seen[1].name, "n.pairs");
    ck_assert_int_eq(seen[1].value.i, 1);
    ck_assert_str_eq(seen[2].name, "pairs[\"K\"].value");
    ck_assert_mem_eq(seen[2].value.s.p, "v", 1);
    engine_destroy(&e);
    pp_pool_unref(pool);
}
END_TEST

/* A program with any bit wrong is refused, or is harmless. */
START_TEST(test_corrupt)
{
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    uint32_t seed = 1;

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        struct pp_patch *patch = patch_text_parse(good[i], &errors);
        struct pp_pool pool = { .n = 1, .patches = &patch };
        struct engine e;
        size_t n_refused = 0;

        ck_assert_ptr_nonnull(patch);
        engine_init(&e, &pool);
        for (int round = 0; round < 1500; round++) {
            uint8_t *blob = xmemdup(e.program, e.size);
            size_t at = (seed = seed * 1664525 + 1013904223) % e.size;

            blob[at] ^= (uint8_t) (1u << (seed >> 8 & 7));
            if (pp_program_check(blob, e.size, pp_toys)) {
                n_refused++;
            } else {
                struct pp_program *program = e.program;
                struct pp_correction c;
                struct pp_hits hits;
                struct pp_msg msg;

                e.program = (struct pp_program *) blob;
                pp_matcher_bind(&e.m, e.program);
                engine_match(&e, "EVIL .. evil=12 n=666 x=1 x=2 k\n", &msg,
                             &hits);
                pp_correct(e.program, &msg, &hits, &e.m, 0, &c);
                for (unsigned int j = 0; j < hits.n; j++) {
                    struct pp_seen seen[PP_RULE_CAPTURES_MAX];

                    pp_hit_describe(e.program, &msg, &hits.h[j], &e.m, seen);
                }
                e.program = program;
            }
            free(blob);
        }
        ck_assert_uint_gt(n_refused, 0);
        for (size_t n = 0; n < e.size; n += 7) {
            ck_assert_ptr_nonnull(pp_program_check(e.program, n, pp_toys));
        }
        pp_matcher_bind(&e.m, e.program);
        engine_destroy(&e);
        pp_patch_destroy(patch);
    }
    pp_errors_destroy(&errors);
}
END_TEST

/* Vectors are run once for each text, and again for another text, another
 * build or a memory that others could have written. */
START_TEST(test_vetted)
{
    static const char good_text[] = HEAD RULE VECTORS;
    char *bad_text = xasprintf("%s    expect: {to-client: x}\n", good_text);
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    struct pp_pool *pool;
    struct pp_vetted *v;
    char *file, *patch;

    make_dir();
    file = xasprintf("%s/vetted", dir);
    patch = xasprintf("%s/toy/T-1.yaml", dir);
    for (int round = 0; round < 7; round++) {
        bool is_bad = round == 2 || round == 3;

        write_file("toy/T-1.yaml", is_bad ? bad_text : good_text);
        if (round == 5) {
            ck_assert_int_eq(chmod(file, 0622), 0);
        }
        pool = load(PP_POOL_WHAT_IS_GOOD, &errors);
        ck_assert_uint_eq(pool->n, 1);
        v = pp_vetted_open(file);
        /* New; known; another text, bad, so never known; the first one again,
         * which is not remembered any more; not our own file; known. */
        ck_assert_uint_eq(pp_vet_pool(pool, v, &errors),
                          round != 1 && round != 6);
        ck_assert_uint_eq(pool->n, !is_bad);
        ck_assert_uint_eq(errors.n, is_bad);
        pp_vetted_close(v);
        pp_pool_unref(pool);
        pp_errors_destroy(&errors);
    }

    /* Of another build. */
    ck_assert_int_eq(truncate(file, 30), 0);
    v = pp_vetted_open(file);
    pool = load(PP_POOL_WHAT_IS_GOOD, &errors);
    ck_assert_uint_eq(pp_vet_pool(pool, v, &errors), 1);
    ck_assert_uint_eq(pp_vet_pool(pool, v, &errors), 0);
    ck_assert_uint_eq(pp_vet_pool(pool, NULL, &errors), 1);
    pp_vetted_close(v);
    pp_pool_unref(pool);
    free(file);
    free(patch);
    free(bad_text);
    remove_dir();
}
END_TEST

/* Many at once: the bad ones are named in their order, the others stay. */
START_TEST(test_vet_many)
{
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    struct pp_pool *pool;

    make_dir();
    for (int i = 0; i < 200; i++) {
        char *name = xasprintf("toy/V-%03d.yaml", i);
        char *id = xasprintf("V-%03d", i);
        char *text = xasprintf(
            "patch: %s\ntitle: t\nvendor: v\nseverity: 5\nproxy: toy\n"
            "affects: [{product: toy/box, versions: x}]\n"
            "same-as-vendor: s\non: command\nwhen: verb == 'E%d'\n"
            "correct: reject 400\nvectors:\n"
            "  - {exploit: e, to-server: \"E%d x\\n\", expect: "
            "{to-client: \"400  \\n\"}}\n"
            "  - {benign: b, to-server: \"G x\\n\"}\n",
            id, i, i % 50 == 7 ? -1 : i);

        write_file(name, text);
        free(text);
        free(id);
        free(name);
    }
    pool = load(PP_POOL_WHAT_IS_GOOD, &errors);
    ck_assert_uint_eq(errors.n, 0);
    ck_assert_uint_eq(pp_vet_pool(pool, NULL, &errors), 200);
    ck_assert_uint_eq(pool->n, 196);
    ck_assert_uint_eq(errors.n, 4);
    ck_assert_ptr_nonnull(strstr(errors.list[0].file, "V-007"));
    ck_assert_ptr_nonnull(strstr(errors.list[3].file, "V-157"));
    pp_pool_unref(pool);
    pp_errors_destroy(&errors);
    remove_dir();
}
END_TEST

START_TEST(test_empty_pool)
{
    struct pp_pool pool = { .ref_cnt = 1 };
    struct engine e;

    engine_init(&e, &pool);
    ck_assert_uint_eq(pp_program_find_proxy(e.program, "toy"), PP_NONE);
    ck_assert_uint_eq(hit_mask(&e, "A\n"), 0);
    ck_assert_ptr_null(pp_patchset_check(e.set, pp_patchset_size(e.program),
                                         e.program));
    ck_assert_ptr_nonnull(pp_patchset_check(e.set, 3, e.program));
    engine_destroy(&e);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("patch");
    TCase *tc = tcase_create("patch");

    tcase_add_loop_test(tc, test_good, 0, ARRAY_SIZE(good));
    tcase_add_loop_test(tc, test_bad, 0, ARRAY_SIZE(bad));
    tcase_add_test(tc, test_large_file);
    tcase_add_loop_test(tc, test_wrong, 0, ARRAY_SIZE(wrong));
    tcase_add_test(tc, test_pool);
    tcase_add_test(tc, test_describe);
    tcase_add_test(tc, test_corrupt);
    tcase_add_test(tc, test_vetted);
    tcase_add_test(tc, test_vet_many);
    tcase_add_test(tc, test_empty_pool);
    suite_add_tcase(suite, tc);
    return suite_main(suite);
}
