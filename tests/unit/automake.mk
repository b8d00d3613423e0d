# SPDX-License-Identifier: Apache-2.0
#
# Unit tests, run by "make check".  tests/unit/test-x.c is one suite and one
# program; to add it, write the file and add its name, without ".c", to the
# list.  Every suite links our libraries, libopenvswitch and libcheck.

UNIT_SUITES = \
	tests/unit/test-around \
	tests/unit/test-bounds \
	tests/unit/test-contract \
	tests/unit/test-cookies \
	tests/unit/test-cut \
	tests/unit/test-dns-name \
	tests/unit/test-expr \
	tests/unit/test-ftp \
	tests/unit/test-http \
	tests/unit/test-http-fields \
	tests/unit/test-http-limits \
	tests/unit/test-index \
	tests/unit/test-ldap \
	tests/unit/test-ldap-fields \
	tests/unit/test-ledger \
	tests/unit/test-named \
	tests/unit/test-packet \
	tests/unit/test-param \
	tests/unit/test-patch \
	tests/unit/test-pipeline \
	tests/unit/test-reassembly \
	tests/unit/test-sandbox \
	tests/unit/test-scan \
	tests/unit/test-services \
	tests/unit/test-small-room \
	tests/unit/test-smtp \
	tests/unit/test-state \
	tests/unit/test-stream \
	tests/unit/test-timers \
	tests/unit/test-udp \
	tests/unit/test-vlans

# What suites share.
check_LIBRARIES += tests/unit/libpp-test.a
tests_unit_libpp_test_a_SOURCES = \
	tests/unit/ber-text.c \
	tests/unit/ber-text.h \
	tests/unit/http-driver.h \
	tests/unit/ldap-driver.h \
	tests/unit/patch-text.c \
	tests/unit/patch-text.h \
	tests/unit/match-driver.c \
	tests/unit/match-driver.h \
	tests/unit/pipeline-driver.c \
	tests/unit/pipeline-driver.h \
	tests/unit/pp-toy.c \
	tests/unit/pp-toy.h \
	tests/unit/proxy-checks.c \
	tests/unit/proxy-checks.h \
	tests/unit/proxy-driver.c \
	tests/unit/proxy-driver.h \
	tests/unit/stream-around.c \
	tests/unit/stream-death.c \
	tests/unit/stream-toy.c \
	tests/unit/stream-conn.c \
	tests/unit/stream-conn.h \
	tests/unit/stream-want.c \
	tests/unit/stream-want.h \
	tests/unit/stream-world.c \
	tests/unit/stream-world.h \
	tests/unit/suite.h \
	tests/unit/tcp-end.c \
	tests/unit/tcp-model.h \
	tests/unit/tcp-net.c

check_PROGRAMS += $(UNIT_SUITES)
TESTS += $(UNIT_SUITES)
