# SPDX-License-Identifier: Apache-2.0
"""Ordinary sessions of Python's own client libraries; says what came back.

    session.py http HOST PORT keep|close FORM|- PATH...
    session.py ftp HOST PORT USER PASSWORD
    session.py ldap HOST PORT BASE BIND PASSWORD FILTER"""

import ftplib
import http.client
import sys
import urllib.parse
import urllib.request

NAME = "server.test"


def said(answer):
    # A Date is always another.
    print(answer.status, answer.reason,
          [h for h in answer.getheaders() if h[0].lower() != "date"],
          answer.read())


def http_session(host, port, keep, form, *paths):
    conn = http.client.HTTPConnection(host, int(port), timeout=30)

    def ask(*what, **how):
        conn.request(*what, **how)
        said(conn.getresponse())
        if keep == "close":
            conn.close()

    fields = {"Host": NAME, "Cookie": "a=1; b=2"}
    for path in paths * 2:
        ask("GET", path, headers=fields)
    if form != "-":
        text = urllib.parse.urlencode({"a": "x y", "b[c]": "\u20ac"})
        fields["Content-Type"] = "application/x-www-form-urlencoded"
        ask("POST", form, text, fields)
        ask("POST", form, iter([b"a=1", b"&b=2"]), fields,
            encode_chunked=True)
    conn.close()
    at = "[%s]" % host if ":" in host else host
    asked = urllib.request.Request("http://%s:%s%s" % (at, port, paths[0]),
                                   headers={"Host": NAME})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        said(answer)


def ftp_session(host, port, user, password):
    with ftplib.FTP(timeout=30) as ftp:
        ftp.connect(host, int(port))
        print(ftp.login(user, password))
        for passive in True, False:
            ftp.set_pasv(passive)
            print(sorted(ftp.nlst()))
            ftp.retrbinary("RETR a.txt", print)
            ftp.cwd("b")
            ftp.retrlines("RETR c.txt")
            ftp.cwd("..")
        print(ftp.pwd(), ftp.sendcmd("NOOP"))


def ldap_session(host, port, base, bind, password, wanted):
    # Not Python's own, and only here.
    import ldap3

    server = ldap3.Server(host, int(port), get_info=ldap3.NONE)
    with ldap3.Connection(server, bind, password, auto_bind=True) as conn:
        for scope in ldap3.BASE, ldap3.SUBTREE:
            conn.search(base, "(&(%s)(!(mail=nobody*)))" % wanted, scope)
            print(conn.result["description"],
                  sorted(e["dn"] for e in conn.response))


def main():
    {"http": http_session, "ftp": ftp_session,
     "ldap": ldap_session}[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
