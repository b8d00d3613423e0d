#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# An LDAP server on Net::LDAP::Server, of an empty directory; says what it was
# asked for.
#
#     app.pl ADDR PORT

package Server;

use strict;
use warnings;
use base 'Net::LDAP::Server';
use fields;

sub say_line {
    syswrite(STDOUT, "$_[0]\n");
}

sub got {
    my ($what, $dn) = @_;
    $dn =~ s/([^ !#-\[\]-~])/sprintf('\\u%04x', ord($1))/ge;
    say_line(qq({"event": "$what", "dn": "$dn"}));
}

sub bind {
    my ($self, $request) = @_;
    got('bind', $request->{name});
    return { matchedDN => '', errorMessage => '', resultCode => 49 };
}

sub search {
    my ($self, $request) = @_;
    got('search', $request->{baseObject});
    return { matchedDN => '', errorMessage => '', resultCode => 32 };
}

package main;

use IO::Socket::INET;

my $listener = IO::Socket::INET->new(
    LocalAddr => $ARGV[0], LocalPort => $ARGV[1], Listen => 64,
    ReuseAddr => 1) or die;
$SIG{CHLD} = 'IGNORE';
Server::say_line('{"event": "listening"}');
while (1) {
    my $sock = $listener->accept or next;
    if (!fork) {
        my $handler = Server->new($sock);
        while (!$handler->handle) {
        }
        exit;
    }
    close $sock;
}
