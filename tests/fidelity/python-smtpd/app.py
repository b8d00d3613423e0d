# SPDX-License-Identifier: Apache-2.0
"""The SMTP server of Python's library; its replies say what commands it has
got.

    app.py ADDR PORT"""

import asyncore
import json
import smtpd
import sys


class Channel(smtpd.SMTPChannel):
    def smtp_VRFY(self, arg):
        self.push("252 " + str(arg))

    def push(self, msg):
        """To each reply it adds what it knows of the client and the mail."""
        super().push("%s %s %s %s" % (msg, self.seen_greeting, self.mailfrom,
                                      " ".join(self.rcpttos)))


class Server(smtpd.SMTPServer):
    channel_class = Channel

    def process_message(self, peer, mailfrom, rcpttos, data, **kwargs):
        return None


server = Server((sys.argv[1], int(sys.argv[2])), None, decode_data=True)
print(json.dumps({"event": "listening"}), flush=True)
asyncore.loop(use_poll=True)
