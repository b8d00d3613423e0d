#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of the source tree that a program can check.

usage: lint.py SRCDIR DISTFILES

DISTFILES names the files that "make dist" packs, one a line; a folder stands
for all in it.  Those are checked, and, in a git checkout, that they are all
that git knows.  Each finding is a line "file:line: what"; the exit code is 1
if there is one.

The rules:

  layers       #include lines point one way, see LAYERS
  size         a .c or .h has fewer than 1,000 lines
  form         no tabs, no trailing blanks, 79 columns, in .c and .h
  licence      SPDX-License-Identifier in the first lines of each source file
  opening      a .c opens with a comment that says what it is for
  patches      patches/ holds data, no code
  manual       groff has nothing to say about a manual page
  distributed  every file git knows is packed by "make dist"
"""

import os
import re
import shutil
import subprocess
import sys

MAX_LINES = 1000
MAX_COLUMNS = 79
LICENCE = "SPDX-License-Identifier: Apache-2.0"

# Source files, by the end of the name; besides, whatever starts with "#!".
SOURCE = (".c", ".h", ".py", ".sh", ".mk", ".am", ".ac", ".m4")

# Where "#include" finds headers of ours, after the includer's own folder.
INCLUDE_PATH = ("proxies/contract", "proxies", "ovs-patchpoint",
                "vtep-discovery")

# A layer and the layers it may include.  '*' is every proxy.
LAYERS = {
    "contract": {"contract"},
    "proxy": {"contract"},              # And itself.
    "registry": {"contract", "registry", "*"},
    "patch": {"contract", "registry", "patch"},
    "engine": {"contract", "registry", "patch", "engine"},
    "vtep": {"vtep"},
    "control": {"contract", "registry", "patch", "vtep", "control"},
    "tool": {"contract", "registry", "patch", "engine", "tool"},
}

# What control and the engine say to each other; control may include these,
# and the engine's headers that these include.
CONTROL_SEES = ("ovs-patchpoint/engine/pp-ipc.h",
                "ovs-patchpoint/engine/pp-event.h",
                "ovs-patchpoint/engine/pp-snapshot.h",
                "ovs-patchpoint/engine/pp-ledger.h",
                "ovs-patchpoint/engine/pp-inspect.h",
                "ovs-patchpoint/engine/pp-vet.h")

PATCH_FILES = (".yaml", ".yml", ".md", ".rst", ".mk")

NOT_PACKED = (".gitignore", ".gitattributes")
NOT_PACKED_FOLDERS = (".ci/", ".github/")

INCLUDE = re.compile(r'\s*#\s*include\s*[<"]([^>"]+)[>"]')


class Lint:
    def __init__(self, srcdir, files):
        self.srcdir = srcdir
        self.files = files
        self.findings = 0

    def find(self, name, line, what):
        self.findings += 1
        print(f"{name}:{line}: {what}", file=sys.stderr)

    def text(self, name):
        """The text of file 'name', or None if it is not text."""
        try:
            with open(os.path.join(self.srcdir, name), "rb") as f:
                return f.read().decode("utf-8")
        except (OSError, UnicodeDecodeError):
            return None

    def resolve(self, name, header):
        """The file of ours that 'name' includes as 'header', or None."""
        for folder in (os.path.dirname(name),) + INCLUDE_PATH:
            path = os.path.normpath(os.path.join(folder, header))
            if os.path.isfile(os.path.join(self.srcdir, path)):
                return path
        return None

    def includes(self, name):
        """Yields (line, file) for each file of ours that 'name' includes."""
        for number, line in enumerate((self.text(name) or "").split("\n"), 1):
            m = INCLUDE.match(line)
            path = self.resolve(name, m.group(1)) if m else None
            if path:
                yield number, path

    def control_sees(self):
        """CONTROL_SEES and what they include."""
        seen = set()
        todo = list(CONTROL_SEES)
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo += [path for _, path in self.includes(name)
                         if layer(path)[0] == "engine"]
        return seen

    def check_layers(self, name):
        mine = layer(name)
        if mine is None:
            return
        allowed = LAYERS[mine[0]]
        for number, path in self.includes(name):
            other = layer(path)
            if (other is None or other == mine or other[0] in allowed
                    or (other[0] == "proxy" and "*" in allowed)
                    or (mine[0] == "control"
                        and path in self.control_sees())):
                continue
            self.find(name, number,
                      f"{mine[1]} may not include {path}, of {other[1]}")

    def check_c(self, name, lines):
        if len(lines) >= MAX_LINES:
            self.find(name, len(lines), f"{len(lines)} lines; a file has "
                      f"fewer than {MAX_LINES}: split it by concern")
        for number, line in enumerate(lines, 1):
            if "\t" in line:
                self.find(name, number, "tab")
            if line != line.rstrip():
                self.find(name, number, "blanks at the end of the line")
            if len(line) > MAX_COLUMNS:
                self.find(name, number, f"{len(line)} columns, "
                          f"{MAX_COLUMNS} at most")

    def check_opening(self, name, text):
        rest = text.lstrip()
        said = ""
        while rest.startswith(("/*", "//")):
            end = "*/" if rest.startswith("/*") else "\n"
            comment, _, rest = rest[2:].partition(end)
            said += comment.replace(LICENCE, "")
            rest = rest.lstrip()
        if len(re.findall(r"\w+", said)) < 3:
            self.find(name, 1, "opens without a comment on what it is for, "
                      "what comes in, what goes out, who runs it")

    def check_manual(self, name):
        groff = shutil.which("groff")
        if groff is None:
            return
        p = subprocess.run(
            [groff, "-ww", "-T", "utf8", "-K", "utf8", "-man", "-t", "-z",
             name], cwd=self.srcdir, capture_output=True, text=True,
            check=False)
        for line in p.stderr.splitlines():
            self.findings += 1
            print(line, file=sys.stderr)

    def check_distributed(self):
        if not os.path.exists(os.path.join(self.srcdir, ".git")):
            return
        try:
            known = subprocess.run(["git", "ls-files", "-z"], cwd=self.srcdir,
                                   capture_output=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):
            return
        for name in known.decode().split("\0"):
            if (name and name not in self.files
                    and os.path.basename(name) not in NOT_PACKED
                    and not name.startswith(NOT_PACKED_FOLDERS)
                    and os.path.exists(os.path.join(self.srcdir, name))):
                self.find(name, 1, 'in git, but "make dist" does not pack it: '
                          "name it in the automake.mk of its folder")

    def run(self):
        for name in sorted(self.files):
            if name.startswith("patches/") and not name.endswith(PATCH_FILES):
                self.find(name, 1, "patches/ holds only data")
            if re.search(r"\.[1-8]$", name):
                self.check_manual(name)
            text = self.text(name)
            if text is None:
                continue
            lines = text.split("\n")
            if lines and not lines[-1]:
                lines.pop()
            if name.endswith(SOURCE) or text.startswith("#!"):
                if LICENCE not in "\n".join(lines[:5]):
                    self.find(name, 1, f'lacks "{LICENCE}" at its top')
            if name.endswith((".c", ".h")):
                self.check_c(name, lines)
                self.check_layers(name)
            if name.endswith(".c"):
                self.check_opening(name, text)
        self.check_distributed()
        return self.findings


def layer(name):
    """The layer of LAYERS that file 'name' is in, and its name to people, or
    None if it is in none: tests may include anything."""
    folders = name.split("/")
    if folders[0] == "ovs-patchpoint" and folders[1] in LAYERS:
        return folders[1], "/".join(folders[:2])
    if folders[0] == "vtep-discovery":
        return "vtep", "vtep-discovery"
    if folders[0] == "proxies":
        if len(folders) == 2:
            return "registry", "proxies/registry"
        if folders[1] == "contract":
            return "contract", "proxies/contract"
        return "proxy", "/".join(folders[:2])
    return None


def expand(srcdir, distfiles):
    """The files named in 'distfiles', relative to 'srcdir', less what
    autotools makes."""
    made = re.compile(r"(^|/)(Makefile\.in|aclocal\.m4|configure|"
                      r"config\.h\.in|test-driver|py-compile|compile|depcomp|"
                      r"install-sh|missing|config\.(guess|sub)|ar-lib|"
                      r"ltmain\.sh|pkg\.m4)$")
    files = set()
    with open(distfiles, encoding="utf-8") as f:
        for line in f:
            name = line.strip()
            if name.startswith(srcdir + "/"):
                name = name[len(srcdir) + 1:]
            path = os.path.join(srcdir, name)
            if os.path.isdir(path):
                for folder, _, names in os.walk(path):
                    files |= {os.path.relpath(os.path.join(folder, n), srcdir)
                              for n in names}
            elif os.path.isfile(path):
                files.add(os.path.normpath(name))
    return {name for name in files if not made.search(name)}


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    srcdir = sys.argv[1].rstrip("/") or "/"
    sys.exit(1 if Lint(srcdir, expand(srcdir, sys.argv[2])).run() else 0)


if __name__ == "__main__":
    main()
