# SPDX-License-Identifier: Apache-2.0
"""Ordinary clients: the programs and libraries that people use, each with a
short session of the usual kind.  cases() gives those of a protocol, all
ORDINARY; a pair.json says under "clients" what they ask for:

    http    "get": paths, "post": the path of forms, or null (/, / without);
            "closes": true for a server that closes behind each answer, and
            does not say so before
    ftp     "user", "password" (anonymous without)
    ldap    "base", "bind" and "password", "filter"

What is none of the machine's own is unpacked in $PP_CACHE/pairs/clients, as
clients.json says."""

import os
import sys

from fidelity import (ORDINARY, case, in_any_order, program,
                      which_requests)
from ldapmsg import client as ldap_client
from smtp_cases import CLIENTS as ROOT, TEXT, with_smtplib, with_swaks

HERE = os.path.dirname(os.path.abspath(__file__))
ENV = {
    "LD_LIBRARY_PATH": os.path.join(ROOT, "usr/lib/x86_64-linux-gnu"),
    "NODE_PATH": os.path.join(ROOT, "node_modules"),
    "PYTHONDONTWRITEBYTECODE": "1",
}
# One name for all servers, so that they are asked the same.
NAME = "server.test"


def curl(name, *words, text=b""):
    return case("curl: " + name, ORDINARY, program(
        "curl", "-sS", "-i", "-g", "--max-time", "60", *words, text=text),
        log=in_any_order)


def library(language, *words):
    """A step: one of the sessions of session.py or session.js."""
    return program(sys.executable if language == "py" else "/usr/bin/node",
                   os.path.join(HERE, "session." + language), *words, env=ENV)


def http(paths, form, closes):
    to = ["--connect-to", NAME + ":80:{at}"]
    if closes:
        to += ["-H", "Connection: close"]
    urls = ["http://" + NAME + path for path in paths]
    post = ["http://" + NAME + form] if form else []
    wanted = ["close" if closes else "keep", form or "-"] + paths
    cases = [
        curl("one connection", *to, *urls, *urls),
        curl("cookies and fields", *to, "-b", "a=1; b=two", "-e", urls[0],
             "-H", "X-Test: 1", "--compressed", urls[-1]),
        curl("HEAD", *to, "-I", *urls),
        curl("HTTP/1.0", *to, "-0", urls[0]),
        curl("HTTP/2 offered", *to, "--http2", urls[0]),
        case("wrk", ORDINARY, program(
            os.path.join(ROOT, "usr/bin/wrk"), "-t", "1", "-c", "4", "-d",
            "1s", "-s", os.path.join(HERE, "wrk.lua"), "-H", "Host: " + NAME,
            "http://{at}" + paths[-1], env=ENV, only=rb"answers: .*"),
             log=which_requests),
        case("Python's http.client and urllib", ORDINARY,
             library("py", "http", "{host}", "{port}", *wanted),
             log=in_any_order),
        case("Node.js's http", ORDINARY,
             library("js", "http", "{host}", "{port}", *wanted),
             log=in_any_order),
    ]
    if form:
        cases += [
            curl("a form", *to, "-d", "a=1&b[]=2", "-d", "c=x y%26",
                 *post, urls[0]),
            curl("a form in parts", *to, "-H", "Content-Type: "
                 "multipart/form-data; boundary=b", "--data-binary",
                 '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1'
                 "\r\n--b--\r\n", *post),
            curl("chunks", *to, "-H", "Transfer-Encoding: chunked",
                 "--data-binary", "@-", *post, text=b"a=" + b"x" * 50000),
            curl("JSON", *to, "-H", "Content-Type: application/json", "-d",
                 '{"a": [1, {"b": null}]}', *post),
            curl("much, Expect", *to, "-H", "Expect: 100-continue",
                 "--data-binary", "@-", *post, text=b"a=" + b"y" * 90000),
        ]
    return cases


def smtp():
    mail = ["--mail-from", "a@a.test", "--mail-rcpt", "b@b.test",
            "--upload-file", "-"]
    url = "smtp://{at}/client.test"
    return [
        curl("a message", url, *mail, text=TEXT + b".\r\n..\r\nhello\r\n"),
        curl("a long one", url, *mail,
             text=TEXT + b"0123456789abcdef.\r\n" * 5000),
        case("swaks", ORDINARY, with_swaks()),
        case("swaks, pipelined", ORDINARY, with_swaks("--pipeline")),
        case("smtplib", ORDINARY,
             with_smtplib(TEXT.decode() + "hello\n.\n..\n.b\n\n")),
        case("nodemailer", ORDINARY,
             library("js", "smtp", "{host}", "{port}")),
    ]


def ftp(user, password):
    login = "%s:%s" % (user, password)
    url = "ftp://{at}/"
    return [
        curl("a list", "-u", login, url),
        curl("files", "-u", login, url + "a.txt", url + "b/c.txt"),
        curl("active", "-u", login, "-P", "-", url + "a.txt"),
        curl("a part", "-u", login, "-r", "1-", url + "a.txt"),
        case("lftp", ORDINARY, program(
            "lftp", "--norc", "-u", user + "," + password, "-e",
            "set net:max-retries 1; cls -1; cat a.txt; cd b; cat c.txt; bye",
            url)),
        case("lftp, active", ORDINARY, program(
            "lftp", "--norc", "-u", user + "," + password, "-e",
            "set ftp:passive-mode no; set net:max-retries 1; cls -1 b; "
            "cat a.txt; bye", url)),
        case("Python's ftplib", ORDINARY,
             library("py", "ftp", "{host}", "{port}", user, password)),
        case("basic-ftp", ORDINARY,
             library("js", "ftp", "{host}", "{port}", user, password)),
    ]


def ldap(base, bind, password, wanted):
    login = ["-x", "-H", "ldap://{at}", "-D", bind, "-w", password]
    return [
        case("ldapsearch", ORDINARY, ldap_client(
            ROOT, "ldapsearch", *login, "-LLL", "-b", base, wanted)),
        case("ldapsearch, some attributes, verbose", ORDINARY, ldap_client(
            ROOT, "ldapsearch", *login, "-v", "-b", base, "-s", "base",
            "objectClass=*", "cn", "objectClass")),
        case("python3-ldap3", ORDINARY, ldap_client(
            ROOT, "python3", os.path.join(HERE, "session.py"), "ldap",
            "{host}", "{port}", base, bind, password, wanted)),
        case("ldapjs", ORDINARY, library(
            "js", "ldap", "{host}", "{port}", base, bind, password, wanted)),
    ]


def cases(protocol, about):
    """The clients of 'protocol' for a pair whose "clients" is 'about'."""
    if protocol == "http":
        return http(about.get("get", ["/"]), about.get("post", "/"),
                    about.get("closes", False))
    if protocol == "smtp":
        return smtp()
    if protocol == "ftp":
        return ftp(about.get("user", "anonymous"),
                   about.get("password", "a@a.test"))
    if protocol == "ldap":
        return ldap(about["base"], about["bind"], about["password"],
                    about["filter"])
    raise ValueError("clients.py: no clients for %s" % protocol)
