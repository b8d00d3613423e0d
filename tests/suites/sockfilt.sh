#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Stands for sockfilt in curl's test suite: connections for data go past the
# detour (detour.py), by a port of their own or as a group of their own.

case $* in
*sockdata*)
    port=$((40300 + $$ % 700))
    set -- $(printf '%s\n' "$*" | sed "s/--port 0 /--port $port /")
    exec setpriv --regid 65533 --clear-groups "$0.real" "$@"
    ;;
esac
exec "$0.real" "$@"
