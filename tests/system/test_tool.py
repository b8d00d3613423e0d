# SPDX-License-Identifier: Apache-2.0
"""patchpoint-patch on the command line: what it prints, its exit codes, and
how the shell completes it.  No switch, no privileges."""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402
import test_replay                                          # noqa: E402

setUpModule = pplab.has_no_switch

PATCHES = os.path.join(pplab.TOP, "patches")
COMPLETION = os.path.join(pplab.TOP, "utilities", "patchpoint-patch.bash")


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory(prefix="pp-tool-")
        self.addCleanup(self.dir.cleanup)

    def path(self, *names):
        return os.path.join(self.dir.name, *names)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)
        return self.path(name)

    def tool(self, *args, status=0):
        """Standard output, and standard error behind it."""
        p = subprocess.run([pplab.TOOL, *args], capture_output=True,
                           text=True, timeout=60)
        self.assertEqual(p.returncode, status, p.stdout + p.stderr)
        return p.stdout + p.stderr


PATCH = test_replay.PATCH.replace('when: path contains "evil"', """let:
  bad: '"evil"'
when: path contains bad""")


class Json(Case):
    def test_list_and_explain(self):
        "what the text says, for programs"
        listed = json.loads(self.tool("list", "-j", PATCHES))
        lines = self.tool("list", PATCHES).splitlines()
        self.assertEqual([x["patch"] for x in listed],
                         [x.split()[0] for x in lines])
        path = self.write("CVE-2000-0001.yaml", PATCH)
        said, = json.loads(self.tool("explain", "--json", path))
        rule, = said.pop("rules")
        self.assertGreater(rule.pop("cost"), 0)
        self.assertEqual(rule, {
            "line": 11, "on": "request", "when": "path contains bad",
            "correct": {"kind": "reject", "status": 404, "close": True,
                        "reset": False}, "correction-cost": 0})
        self.assertEqual(said, {
            "patch": "CVE-2000-0001", "proxy": "http", "severity": 5.0,
            "title": "A path that must not be asked for", "file": path,
            "affects": [{"product": "test/server", "versions": "< 1"}],
            "vendor": "a test's own", "same-as-vendor": "it is a test's own",
            "vectors": [{"kind": "exploit", "name": "it is asked for"},
                        {"kind": "benign", "name": "another one"}]})
        self.assertEqual(
            [x["patch"] for x in json.loads(self.tool(
                "-p", PATCHES, "explain", "-j", "CVE-2014-3744"))],
            ["CVE-2014-3744"])

    def test_check(self):
        "what is right, and where it is wrong"
        path = self.write("CVE-2000-0001.yaml", PATCH)
        said = json.loads(self.tool("check", "--json", path))
        self.assertEqual(said["errors"], [])
        done, = said["patches"]
        self.assertEqual((done["patch"], done["ok"], done["vectors"]),
                         ("CVE-2000-0001", True, 2))
        self.assertGreater(done["runs"], 2)
        self.write("CVE-2000-0001.yaml", PATCH.replace("/good", "/evil"))
        said = json.loads(self.tool("check", "--json", path, status=1))
        self.assertEqual(said["patches"][0]["ok"], False)
        error, = said["errors"]
        self.assertEqual((error["file"], error["line"]), (path, 22))
        self.assertIn("benign 'another one'", error["reason"])


class New(Case):
    # What an author knows: the condition, the correction, why, the vectors.
    FILLED = {
        "ftp": ('verb == "STAT"', "drop", '"STAT\\r\\n"', '""',
                '"NOOP\\r\\n"'),
        "http": ('path == "/x"', "{ reject: { status: 404 } }",
                 '"GET /x HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"',
                 '"HTTP/1.1 404 Not Found\\r\\n\\r\\n"',
                 '"GET /y HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"'),
        "ldap": ('dn == ""', "drop",
                 '!bytes "0\\x0c\\x02\\x01\\x01`\\x07\\x02\\x01\\x03'
                 '\\x04\\x00\\x80\\x00"', '""',
                 '!bytes "0\\x0d\\x02\\x01\\x01`\\x08\\x02\\x01\\x03'
                 '\\x04\\x01x\\x80\\x00"'),
        "smtp": ('command.verb == "VRFY"', "drop", '"VRFY a\\r\\n"', '""',
                 '"NOOP\\r\\n"'),
    }

    def proxies(self):
        said = self.tool("new", "gopher", "X-1", status=2)
        self.assertIn("there is no proxy 'gopher'", said)
        return said.partition("there are ")[2].strip().split(", ")

    def fill(self, text, when, correct, exploit, reply, benign):
        blanks = iter((
            ("title", "A title"), ("vendor", "Its fix"),
            ("- product", "test/server"), ("versions", '"< 1"'),
            ("severity", "5.0"), ("when", when), ("correct", correct),
            ("same-as-vendor", "So it does."), ("- exploit", "one"),
            ("to-server", exploit), ("to-client", reply), ("to-server", '""'),
            ("close", "none"), ("- benign", "other"), ("to-server", benign)))
        lines = []
        blank = next(blanks)
        for line in text.splitlines():
            if blank and line.strip() == blank[0] + ":":
                line += " " + blank[1]
                blank = next(blanks, None)
            lines.append(line + "\n")
        self.assertIsNone(blank)
        return "".join(lines)

    def test_fill_in(self):
        "check names each blank, and accepts the patch when they are filled"
        for proxy in self.proxies():
            with self.subTest(proxy):
                path = self.path(f"{proxy}-1.yaml")
                self.tool("new", proxy, f"{proxy}-1", "-o", path)
                said = self.tool("check", path, status=1)
                for key in ("title", "vendor", "product", "versions",
                            "severity", "when", "correct", "same-as-vendor"):
                    self.assertRegex(said, rf"-1.yaml:\d+:\d+: .*{key[:7]}")
                if proxy in self.FILLED:
                    with open(path) as f:
                        text = self.fill(f.read(), *self.FILLED[proxy])
                    self.write(f"{proxy}-1.yaml", text)
                    self.assertRegex(self.tool("check", path), "ok .*-1: 2 v")

    def test_all_is_there(self):
        "every key of the language, every event and field of the proxy"
        text = self.tool("new", "http", "X-1")
        with open(os.path.join(pplab.TOP, "ovs-patchpoint", "patch",
                               "ovs-patchpoint-patch.5")) as f:
            keys = re.search(r'SS "Keys of a patch"(.*?)\n\.SH', f.read(),
                             re.S).group(1).replace(r"\-", "-")
        keys = re.findall(r'^\.IP "?\\fB([a-z-]+)', keys, re.M)
        self.assertIn("let", keys)
        for key in keys:
            self.assertRegex(text, rf"(?m)^(# )?{key}:")
        with open(os.path.join(pplab.TOP, "proxies", "http",
                               "ovs-patchpoint-http.7")) as f:
            manual = f.read()
        self.assertIn("content_length", text)
        for name in ("request", "chunk", "trailers", "body", "path"):
            self.assertIn(name, manual)
            self.assertRegex(text, rf"(?m)^#   {name}\b")
        self.assertLessEqual(max(map(len, text.splitlines())), 79)

    def test_refused(self):
        "a bad id; a file that is there stays"
        for bad in "a/b", "all", "", "x" * 65:
            with self.subTest(bad):
                self.tool("new", "http", bad, status=2)
        path = self.write("X-1.yaml", "precious")
        self.assertIn("File exists",
                      self.tool("new", "http", "X-1", "-o", path, status=2))
        with open(path) as f:
            self.assertEqual(f.read(), "precious")


class Diff(Case):
    OLD = "old/CVE-2000-0001.yaml"
    NEW = "new/CVE-2000-0001.yaml"

    def setUp(self):
        super().setUp()
        os.mkdir(self.path("old"))
        os.mkdir(self.path("new"))
        self.write(self.OLD, PATCH)

    def changes(self, *edits, status=1):
        """What diff says of the patch after 'edits', pairs of texts."""
        text = PATCH
        for old, new in edits:
            self.assertIn(old, text)
            text = text.replace(old, new)
        self.write(self.NEW, text)
        said = self.tool("diff", self.path(self.OLD), self.path(self.NEW),
                         status=status)
        said_of_dirs = self.tool("diff", self.path("old"), self.path("new"),
                                 status=status)
        self.assertEqual(said, said_of_dirs)
        return [x.strip() for x in said.splitlines()]

    def test_same(self):
        "what only looks otherwise is the same"
        self.assertEqual(self.changes(status=0), [])
        self.assertEqual(self.changes(
            ("when: path contains bad", "# A comment.\nwhen: >\n  ( path\n"
             "  contains 'evil' )"), ("let:\n  bad: '\"evil\"'\n", ""),
            ("{ status: 404, close: true }", "\n    close: true\n"
             "    status: 404"), status=0), [])

    def test_condition(self):
        "a condition, by its words or by a name in them"
        self.assertEqual(self.changes(("when: path contains bad",
                                       "when: path ends_with bad")), [
            "~ CVE-2000-0001: A path that must not be asked for",
            "rule 1: condition: path contains bad -> path ends_with bad",
            "rule 1: nominal cost: 10 -> 3"])
        self.assertEqual(self.changes(("'\"evil\"'", "'\"evi\"'"))[1:], [
            "rule 1: condition: in the same words, but a name in them stands "
            "for something else: path contains bad"])
        said = self.changes(("path contains bad",
                             "path contains bad or count(headers) > 9"))
        self.assertRegex(said[2], r"^rule 1: nominal cost: \d+ -> \d+$")

    def test_correction(self):
        "a correction, by its kind, its numbers, or its words"
        for new, said in (
                ("close", "reject 404 and close -> close with FIN"),
                ("reject 403", "reject 404 and close -> reject 403"),
                ("{ reject: { status: 404, close: true, reason: No } }",
                 "reject 404 and close: the reply has other words"),
                ("{ replace: path, with: '\"/\"' }",
                 "reject 404 and close -> replace path")):
            with self.subTest(new):
                self.assertEqual(self.changes(
                    ("\n  reject: { status: 404, close: true }",
                     " " + new))[1:], ["rule 1: correction: " + said])

    def test_words(self):
        "what is said of a patch"
        self.assertEqual(self.changes(
            ("5.0", "7.5"), ("A path", "The path"), ('"< 1"', '"< 2"'))[1:], [
            "title: A path that must not be asked for -> "
            "The path that must not be asked for",
            "affects: test/server < 1 -> test/server < 2",
            "severity: 5.0 -> 7.5"])

    def test_rules(self):
        "a rule in front of others is new, and they are the same"
        one = """rules:
  - on: request
    when: path contains "evil"
    correct: { reject: { status: 404, close: true } }
"""
        two = one.replace("rules:\n", """rules:
  - on: trailers
    when: trailers.text == "x"
    correct: close
""")
        old = PATCH[:PATCH.index("on: ")] + one + PATCH[PATCH.index("same-"):]
        self.write(self.OLD, old)
        self.write(self.NEW, old.replace(one, two))
        args = "diff", self.path("old"), self.path("new")
        what = 'on trailers, when trailers.text == "x": close with FIN\n'
        self.assertIn("    rule 1 is new: " + what,
                      self.tool(*args, status=1))
        self.assertIn("    rule 1 is gone: " + what,
                      self.tool(args[0], args[2], args[1], status=1))

    def test_vectors(self):
        "vectors, by their names"
        self.assertEqual(self.changes(("another one", "one more"),
                                      ("/evil HTTP", "/evil?a HTTP"))[1:], [
            "vector is another: exploit: it is asked for",
            "vector is gone: benign: another one",
            "vector is new: benign: one more"])

    def test_pools(self):
        "patches that are new, or gone; and the same as JSON"
        self.write("new/CVE-2000-0002.yaml",
                   PATCH.replace("0001", "0002").replace("A path", "Another"))
        args = "diff", self.path("old"), self.path("new")
        self.assertEqual(self.tool(*args, status=1), (
            "- CVE-2000-0001: A path that must not be asked for\n"
            "+ CVE-2000-0002: Another that must not be asked for\n"))
        self.assertEqual(self.tool("-q", *args, status=1), "")
        self.write(self.NEW, PATCH.replace("5.0", "7.5"))
        self.assertEqual(json.loads(self.tool("--json", *args, status=1)), {
            "added": ["CVE-2000-0002"], "removed": [],
            "changed": [{"patch": "CVE-2000-0001",
                         "changes": ["severity: 5.0 -> 7.5"]}]})

    def test_trouble(self):
        "a bad patch, or none, is trouble and not a difference"
        self.write(self.NEW, PATCH.replace("http", "gopher"))
        said = self.tool("diff", self.path("old"), self.path("new"), status=2)
        self.assertIn("CVE-2000-0001.yaml:7:8: ", said)
        said = self.tool("diff", self.path("old"), self.path("no"), status=2)
        self.assertIn("No such file or directory", said)

    def test_all(self):
        "the pool itself does not differ from itself"
        self.assertEqual(self.tool("diff", PATCHES, PATCHES), "")


class BadFiles(Case):
    """Whatever stands where a patch should: it is named, at once, and the
    good ones beside it are tried all the same."""

    def setUp(self):
        super().setUp()
        self.good = self.write("CVE-2000-0001.yaml", PATCH)

    def refused(self, path, *words):
        said = self.tool("check", self.dir.name, status=1)
        self.assertIn("1 patches, 2 vectors, ", said)
        self.assertIn(": 1 errors", said)
        line, = [x for x in said.splitlines() if x.startswith(path + ":")]
        for word in words:
            self.assertIn(word, line)

    def test_same_id(self):
        "two files with one id: the first counts, the second is named"
        os.mkdir(self.path("more"))
        self.refused(self.write("more/CVE-2000-0001.yaml", PATCH),
                     "patch 'CVE-2000-0001' is in", self.good, "already")

    def test_large(self):
        "100 MB"
        path = self.path("large.yaml")
        with open(path, "wb") as f:
            f.truncate(100 << 20)
        self.refused(path, "too large", "1048576 bytes")

    def test_bombs(self):
        "aliases, too many nodes, too deep"
        self.refused(self.write("b.yaml", "a: &a [x, x]\nb: [*a, *a]\n"),
                     "b.yaml:1:4: ")
        self.refused(self.write("b.yaml", "a: [%s]\n" % ("x," * 20000)),
                     "more than 20000 YAML nodes")
        self.refused(self.write("b.yaml", "a: %s\n" % ("[" * 100000)),
                     "nested more than 16 deep")

    def test_no_files(self):
        "a pipe, a link to a device, to itself, to nothing, a folder"
        path = self.path("odd.yaml")
        os.mkfifo(path)
        self.refused(path, "is not a file")
        for target, why in (("/dev/zero", "is not a file"),
                            (path, "Too many levels of symbolic links"),
                            ("gone", "No such file or directory")):
            os.unlink(path)
            os.symlink(target, path)
            self.refused(path, why)
        os.unlink(path)
        os.mkdir(path)
        self.tool("check", self.dir.name)

    def test_many(self):
        "more than a pool can have"
        for i in range(16384):
            name = "CVE-2001-%05d" % i
            self.write(name + ".yaml", PATCH.replace("CVE-2000-0001", name))
        said = self.tool("list", self.dir.name, status=1).splitlines()
        self.assertEqual(len(said), 16384 + 1)
        self.assertEqual(said[-1], self.path("CVE-2001-16383.yaml")
                         + ": more than 16384 patches")


class Completion(Case):
    def complete(self, *words):
        """What bash offers for the last word."""
        quoted = " ".join(f"'{w}'" for w in ("patchpoint-patch",) + words)
        script = (f". {COMPLETION}; COMP_WORDS=({quoted});"
                  f"COMP_CWORD={len(words)}; _patchpoint_patch;"
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        p = subprocess.run(["bash", "-c", script], capture_output=True,
                           text=True, timeout=30, cwd=self.dir.name)
        self.assertEqual(p.stderr, "")
        return sorted(x for x in p.stdout.split("\n") if x)

    def commands(self):
        """Those that the tool says it has."""
        text = self.tool("--help").split("Commands:\n")[1]
        return sorted(x.split()[0] for x in text.split("\n\n")[0].split("\n"))

    def test_commands(self):
        "every command, and every long option"
        self.assertEqual(self.complete(""), self.commands())
        self.assertEqual(self.complete("-q", "re"), ["replay"])
        options = self.complete("--")
        for word in self.tool("--help").split():
            if word.startswith("--"):
                name = word.rstrip(",").split("=")[0]
                self.assertTrue({name, name + "="} & set(options), name)

    def test_files(self):
        "patches for those who take patches, captures for replay"
        self.write("a.yaml", "")
        self.write("b.pcapng", "")
        self.write("c.txt", "")
        os.mkdir(self.path("d"))
        self.assertEqual(self.complete("check", ""), ["a.yaml", "d"])
        self.assertEqual(self.complete("replay", ""), ["b.pcapng", "d"])
        self.assertEqual(self.complete("-p", ""), ["d"])

    def test_ids(self):
        "explain: also by id, of the directory that is named"
        for words in (["-p", PATCHES], ["--patches", "=", PATCHES]):
            self.assertEqual(self.complete(*words, "explain", "CVE-2014-"),
                             ["CVE-2014-3744"])

    def test_name(self):
        "bash finds the file by the command's name"
        p = subprocess.run(["make", "-s", "-C", pplab.BUILD, "install-data-am",
                            f"DESTDIR={self.path('root')}", "prefix=/usr",
                            "datadir=/usr/share"], capture_output=True,
                           text=True, timeout=120)
        self.assertEqual(p.returncode, 0, p.stderr)
        self.assertTrue(os.path.exists(self.path(
            "root/usr/share/bash-completion/completions",
            os.path.basename(pplab.TOOL) + ".bash")))


if __name__ == "__main__":
    unittest.main()
