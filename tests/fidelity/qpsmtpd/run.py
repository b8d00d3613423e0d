# SPDX-License-Identifier: Apache-2.0
"""qpsmtpd with STARTTLS; says what commands it has got.

    run.py ROOT ADDR PORT"""

import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(
    __file__))))
import inetd                                                # noqa: E402

PLUGIN = r'''
use Qpsmtpd::Constants;

sub got {
    open(my $log, '>>', '%s');
    syswrite($log, "@_\n");
}

sub hook_helo { got($_[2]); DECLINED }
sub hook_ehlo { got($_[2]); DECLINED }
sub hook_mail { got($_[2]->format); DECLINED }
sub hook_rcpt { got($_[2]->format); OK }
sub hook_queue { OK }
'''

# It waits long for a name server to say who its client is.
NO_NAMES = r'''
package NoNames;
use Net::DNS;
{
    no warnings;
    *Net::DNS::Resolver::query = sub { };
}
1;
'''


def main():
    root, addr, port = sys.argv[1:]
    top = inetd.folder("qpsmtpd")
    log = os.path.join(top, "log")
    plugins = "tls {0}/cert.pem {0}/key.pem {0}/cert.pem\ntell".format(root)
    for name, text in (("config/plugins", plugins),
                       ("config/plugin_dirs", top + "/plugins"),
                       ("config/spool_dir", top + "/spool"),
                       ("config/me", "mx.test"), ("config/loglevel", "1"),
                       ("plugins/tell", PLUGIN % log), ("log", ""),
                       ("NoNames.pm", NO_NAMES),
                       ("spool/x", "")):
        path = os.path.join(top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text + "\n" if text else "")
    shutil.copy(os.path.join(root, "usr/share/qpsmtpd/plugins/tls"),
                os.path.join(top, "plugins/tls"))
    os.chmod(log, 0o666)
    os.chmod(os.path.join(top, "spool"), 0o777)
    server = subprocess.Popen(
        ["/usr/bin/perl", "-T", "-I", os.path.join(root, "usr/share/perl5"),
         "-I", os.path.join(root, "usr/lib/x86_64-linux-gnu/perl5/5.36"),
         "-I", top, "-MNoNames",
         os.path.join(root, "usr/bin/qpsmtpd-forkserver"), "-l", addr,
         "-p", port, "-u", "nobody", "-c", "500", "-m", "500"],
        cwd=top, stdout=sys.stderr,
        env=dict(os.environ, QPSMTPD_CONFIG=os.path.join(top, "config")))
    inetd.wait_for(addr, port, server)
    with open(log, encoding="latin-1", newline="\n") as f:
        inetd.follow(f, server, lambda line: [
            {"event": "command", "argument": line[:-1]}])


main()
