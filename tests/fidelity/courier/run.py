# SPDX-License-Identifier: Apache-2.0
"""The SMTP server of Courier, which looks for the rest of itself below /usr:
to be run in a mount namespace of its own.

    run.py ROOT ADDR PORT"""

import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(
    __file__))))
import inetd                                                # noqa: E402

# It asks for names of nobody, waits for nobody and delivers for everybody.
SETTINGS = {"BOFHCHECKDNS": "0", "BOFHNOVRFY": "0", "TARPIT": "0",
            "RELAYCLIENT": "", "TCPREMOTEIP": "192.0.2.1",
            "TCPREMOTEHOST": "a.test", "TCPREMOTEPORT": "49152",
            "TCPLOCALIP": "192.0.2.2", "TCPLOCALPORT": "25"}


def main():
    root, addr, port = sys.argv[1:]
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                    "lowerdir=%s:/usr" % os.path.join(root, "usr"), "/usr"],
                   check=True)
    log = os.path.join(inetd.folder("courier"), "log")
    with open(log, "w+", encoding="latin-1", newline="\n") as f:
        inetd.serve(addr, port,
                    ["/usr/lib/courier/courier/modules/esmtp/courieresmtpd"],
                    dict(SETTINGS, LD_LIBRARY_PATH="/usr/lib",
                         SUBMIT_LOG=log),
                    lambda: [{"from": line} for line in f])


main()
