# SPDX-License-Identifier: Apache-2.0
#
# The tests that "make check" runs.  They run in the build directory and find
# their data under $srcdir.  A test of libcheck's may take 300 s, on a machine
# that is slow or busy, where it says nothing else.

AM_TESTS_ENVIRONMENT = \
	srcdir='$(srcdir)'; export srcdir; \
	PP_SRCDIR='$(abs_top_srcdir)'; export PP_SRCDIR; \
	CK_DEFAULT_TIMEOUT=300; export CK_DEFAULT_TIMEOUT; \
	PP_BUILDDIR='$(abs_top_builddir)'; export PP_BUILDDIR; \
	FUZZERS='$(FUZZERS)'; export FUZZERS;

include tests/unit/automake.mk
include tests/fuzz/automake.mk
include tests/bench/automake.mk

# Run by hand or by "quickstart": a folder stands for all that is in it.
EXTRA_DIST += tests/bench tests/fidelity tests/suites tests/system
