#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes ./configure from configure.ac.
set -e
cd "$(dirname "$0")"
autoreconf --install --force "$@"
