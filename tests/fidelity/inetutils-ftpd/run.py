# SPDX-License-Identifier: Apache-2.0
"""ftpd of GNU inetutils, with no user who could log in.

    run.py ROOT ADDR PORT"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(
    __file__))))
import inetd                                                # noqa: E402

root, address, number = sys.argv[1:]
inetd.serve(address, number, [os.path.join(root, "usr/sbin/ftpd")],
            {"LD_LIBRARY_PATH": inetd.libraries(root)}, lambda: [])
