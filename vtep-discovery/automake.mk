# SPDX-License-Identifier: Apache-2.0
#
# Where servers come from besides this host's Open vSwitch: hardware_vtep
# databases, and names from the DNS.

noinst_LIBRARIES += vtep-discovery/libpp-vtep.a
vtep_discovery_libpp_vtep_a_SOURCES = \
	vtep-discovery/pp-dns-name.c \
	vtep-discovery/pp-dns-name.h \
	vtep-discovery/pp-names.c \
	vtep-discovery/pp-names.h \
	vtep-discovery/pp-vtep.c \
	vtep-discovery/pp-vtep.h
