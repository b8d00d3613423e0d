# SPDX-License-Identifier: Apache-2.0
"""Ordinary sessions of real FTP clients, lftp, curl and Python's ftplib, with
a real server: behind us, with every patch on, they come to the same as
directly, and nothing is corrected."""

import ftplib
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402
import fidelity                                             # noqa: E402

SERVER = "CVE-2023-51713"
USER, PASSWORD = "tester", "secret"

TREE = {
    "a.txt": b"a\n",
    "empty": b"",
    "lines.txt": b"one\r\ntwo\nthree\r\n" * 100,
    "b/c.bin": bytes(range(256)) * 4096,
    "b/d e/f g.txt": b"spaces\n",
    "b/d e/umlaut-\u00e4.txt": b"UTF-8\n",
}


def plant(folder):
    for name, data in TREE.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)
        os.utime(path, (1000000000, 1000000000))


def tree(folder):
    """The files under 'folder', with what is in them."""
    found = {}
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            with open(path, "rb") as f:
                found[os.path.relpath(path, folder)] = f.read()
    return found


class Pair:
    """Two VMs with the same server and the same files, of which one is
    protected."""

    @classmethod
    def setUpClass(cls):
        if not shutil.which("lftp") or not shutil.which("curl"):
            raise unittest.SkipTest("needs lftp and curl")
        cls.lab = pplab.Lab.of(cls)
        cls.lab.start_daemon()
        cls.client = cls.lab.add_client()
        cls.folders = {}
        cls.hosts = {}
        for number, short in enumerate(("bare", "ours"), 1):
            vm = cls.lab.add_server_vm(short, number)
            folder = tempfile.mkdtemp()
            cls.addClassCleanup(shutil.rmtree, folder)
            os.chmod(folder, 0o755)
            cls.folders[short] = os.path.join(folder, "ftp")
            cls.hosts[short] = pplab.address(vm)
            cls.serve(vm, cls.folders[short])
        cls.lab.protect(vm, "all")

    @classmethod
    def serve(cls, vm, folder):
        root = os.path.join(os.environ.get(
            "PP_CACHE", "/var/cache/ovs-patchpoint"), "pairs", SERVER)
        server = fidelity.Server(
            vm.argv([sys.executable,
                     os.path.join(fidelity.HERE, "proftpd.py"),
                     os.path.join(root, "vulnerable"), folder,
                     pplab.address(vm), "21"]),
            pplab.address(vm), 21, None, dict(os.environ)).ready()
        cls.lab.servers.append(server)

    def setUp(self):
        for folder in self.folders.values():
            shutil.rmtree(folder, ignore_errors=True)
            os.mkdir(folder)
            plant(folder)
            for where, folders, names in os.walk(folder):
                for name in [where] + [os.path.join(where, n)
                                       for n in names]:
                    os.chown(name, 65534, 65534)
        self.units = self.lab.counter("proxy_messages")


class Sessions(Pair, unittest.TestCase):
    """Clients."""

    def same(self, session):
        """Runs 'session', which gets a host, with both, compares what it
        returns and what the servers' files are afterwards, and checks that
        the protected one was looked at and nothing corrected."""
        results = {}
        for short, host in self.hosts.items():
            result = session(host)
            results[short] = (result, tree(self.folders[short]))
        self.assertEqual(results["bare"], results["ours"])
        self.assertGreater(self.lab.counter("proxy_messages"), self.units)
        for name in ("match_hits", "proxy_bad", "correct_failed"):
            self.assertEqual(self.lab.counter(name), 0, name)
        return results["ours"]

    def run_program(self, host, *argv):
        """What a program says and how it ends, but for the address."""
        done = subprocess.run(self.client.argv(list(argv)),
                              stdin=subprocess.DEVNULL, timeout=120,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        return done.returncode, done.stdout.replace(host.encode(), b"HOST")

    def lftp(self, host, commands):
        home = tempfile.mkdtemp()
        try:
            code, said = self.run_program(
                host, "env", "HOME=" + home, "LANG=C.UTF-8", "lftp", "-c",
                "set net:max-retries 2; set net:timeout 20; "
                "set xfer:log no; set cmd:fail-exit yes; "
                "open -u %s,%s ftp://%s; %s; cd /; "
                % (USER, PASSWORD, host, commands.replace("HOME", home))
                + "bye")
            got = tree(os.path.join(home, "down"))
        finally:
            shutil.rmtree(home)
        return code, said.replace(home.encode(), b""), got

    def check_lftp(self, setting):
        def session(host):
            return self.lftp(
                host, setting + "mirror / HOME/down; mkdir up; "
                "mirror -R HOME/down /up; mv /up/a.txt '/up/x y.txt'; "
                "rm /a.txt; chmod 600 /up/empty; cls -l /up; rm -r /b; "
                "cat /lines.txt")
        (code, said, got), files = self.same(session)
        self.assertEqual(code, 0, said)
        self.assertEqual(got, TREE)
        self.assertEqual(files["up/x y.txt"], TREE["a.txt"])
        self.assertNotIn("b/c.bin", files)

    def test_lftp_passive(self):
        "lftp mirrors a tree down and up, passive"
        self.check_lftp("set ftp:passive-mode yes; ")

    def test_lftp_active(self):
        "lftp mirrors a tree down and up, active"
        self.check_lftp("set ftp:passive-mode no; ")

    def test_lftp_pipelined(self):
        "lftp sends commands without waiting for replies"
        self.check_lftp("set ftp:sync-mode no; ")

    def test_lftp_plain(self):
        "lftp with PORT and PASV, and without asking for TLS"
        self.check_lftp("set ftp:prefer-epsv no; set ftp:ssl-allow no; "
                        "set ftp:passive-mode no; ")

    def curl(self, host, *args):
        return self.run_program(host, "curl", "-sS", "-u",
                                USER + ":" + PASSWORD, *args)

    def test_curl(self):
        "curl: down, up, a part, a list, active and passive"
        def session(host):
            url = "ftp://%s/" % host
            return [
                self.curl(host, url + "b/c.bin"),
                self.curl(host, "-P", "-", url + "b/d%20e/f%20g.txt"),
                self.curl(host, "-P", "-", "--disable-eprt",
                          url + "a.txt"),
                self.curl(host, "--disable-epsv", url + "lines.txt"),
                self.curl(host, "-r", "10-20", url + "lines.txt"),
                self.curl(host, "-I", url + "a.txt"),
                self.curl(host, "-l", url + "b/"),
                self.curl(host, "-T", __file__, "--ftp-create-dirs",
                          url + "new/folder/up.py"),
                self.curl(host, "-B", url + "lines.txt"),
                self.curl(host, "-Q", "-RNFR a.txt", "-Q", "-RNTO z.txt",
                          url + "a.txt"),
                self.curl(host, "--ssl", url + "empty"),
                self.curl(host, url + "nothing"),
            ]
        results, files = self.same(session)
        self.assertEqual(results[0], (0, TREE["b/c.bin"]))
        self.assertEqual(results[1], (0, b"spaces\n"))
        self.assertIn("new/folder/up.py", files)
        self.assertIn("z.txt", files)
        self.assertNotEqual(results[-1][0], 0)

    def ftplib_session(self, host, passive):
        said = []
        with self.client.inside(), \
             ftplib.FTP(host, USER, PASSWORD, timeout=30) as ftp:
            ftp.set_pasv(passive)
            said.append(ftp.getwelcome().replace(host, "HOST"))
            said += [ftp.sendcmd(c) for c in ("SYST", "FEAT", "TYPE I")]
            said.append(sorted(ftp.nlst()))
            said.append(sorted(name for name, _ in ftp.mlsd("b")))
            got = io.BytesIO()
            ftp.retrbinary("RETR b/c.bin", got.write)
            said.append(got.getvalue())
            said.append(ftp.retrlines("RETR lines.txt", lambda line: None))
            said.append(ftp.storbinary("STOR up.bin",
                                       io.BytesIO(b"\xff\x00" * 5000)))
            said.append(ftp.storbinary("APPE up.bin", io.BytesIO(b"more"),
                                       rest=None))
            said.append(ftp.size("up.bin"))
            said.append(ftp.rename("up.bin", "up 2.bin"))
            said.append(ftp.mkd("new"))
            said.append(ftp.cwd("new"))
            said.append(ftp.pwd())
            said.append(ftp.cwd(".."))
            said.append(ftp.rmd("new"))
            said.append(ftp.delete("a.txt"))
            said.append(ftp.voidcmd("ABOR"))
            try:
                ftp.cwd("nothing")
            except ftplib.error_perm as e:
                said.append(str(e))
            said.append(ftp.quit())
        return said

    def test_ftplib_passive(self):
        "ftplib, all that it has, passive"
        self.same(lambda host: self.ftplib_session(host, True))

    def test_ftplib_active(self):
        "ftplib, all that it has, active"
        self.same(lambda host: self.ftplib_session(host, False))


class Control(Pair, unittest.TestCase):
    """That the sessions' server is one that a patch is about, and that the
    patch is on."""

    def ask(self, host, *lines):
        with self.client.inside(), \
             socket.create_connection((host, 21), 20) as sock:
            f = sock.makefile("rwb")
            said = [f.readline()]
            for line in lines:
                f.write(line + b"\r\n")
                f.flush()
                said.append(f.readline())
            return said[-1]

    def test_corrected(self):
        "what a patch is about is corrected there, and goes through without it"
        self.assertEqual(self.ask(self.hosts["bare"], b'"SYST"')[:3], b"215")
        self.assertEqual(self.ask(self.hosts["ours"], b'"SYST"')[:3], b"500")
        pplab.wait_for("the correction is reported", self.lab.events)
        events = self.lab.events()
        self.assertEqual([e["patch"] for e in events], [SERVER],
                         json.dumps(events))


if __name__ == "__main__":
    unittest.main()
