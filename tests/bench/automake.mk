# SPDX-License-Identifier: Apache-2.0
#
# The benchmarks.  pp-hop, the bare hop, serves tests of control as well.

check_PROGRAMS += tests/bench/pp-hop
tests_bench_pp_hop_LDADD = $(OVS_LIBS)

# What "quickstart bench" runs besides others' programs.
EXTRA_PROGRAMS = tests/bench/pp-bulk
tests_bench_pp_bulk_LDADD =

# The pipeline alone: "pp-lib patches".
EXTRA_PROGRAMS += tests/bench/pp-lib
tests_bench_pp_lib_SOURCES = tests/bench/pp-lib.c $(BENCH_WORLD)
tests_bench_pp_lib_LDADD = $(PP_ENGINE) $(OVS_LIBS)

# Many connections: "PP_SRCDIR=... pp-conns".
EXTRA_PROGRAMS += tests/bench/pp-conns
tests_bench_pp_conns_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit
# Many patches at once: "scale.py" runs it.
EXTRA_PROGRAMS += tests/bench/pp-scale
tests_bench_pp_scale_SOURCES = tests/bench/pp-scale.c $(BENCH_WORLD)
tests_bench_pp_scale_LDADD = $(PP_ENGINE) $(OVS_LIBS)

BENCH_WORLD = tests/bench/pp-world.c tests/bench/pp-world.h

bench-programs: tests/bench/pp-hop $(EXTRA_PROGRAMS)
.PHONY: bench-programs
CLEANFILES += $(EXTRA_PROGRAMS)
