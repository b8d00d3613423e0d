#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A server on HTTP::Daemon that says which requests it got.
#
#     app.pl ADDR PORT

use strict;
use warnings;
use HTTP::Daemon;
use HTTP::Response;

sub say_line {
    syswrite(STDOUT, "$_[0]\n");
}

my ($addr, $port) = @ARGV;
my $daemon = HTTP::Daemon->new(LocalAddr => $addr, LocalPort => $port,
                               ReuseAddr => 1, Listen => 64)
    or die("$addr:$port: $!\n");
$SIG{CHLD} = 'IGNORE';
say_line('{"event": "listening"}');
for (;;) {
    my $client = $daemon->accept or next;
    if (fork) {
        $client->close;
        next;
    }
    alarm(20);
    while (my $request = $client->get_request) {
        my $url = $request->uri->as_string;
        $url =~ s/([^ !#-\[\]-~])/sprintf('\\u%04x', ord($1))/ge;
        say_line(qq({"event": "request", "url": "$url"}));
        $client->send_response(
            HTTP::Response->new(200, 'OK', ['Content-Length' => 3], "ok\n"));
    }
    exit(0);
}
