# SPDX-License-Identifier: Apache-2.0
#
# The benchmarks.  pp-hop, the bare hop, serves tests of control as well.

check_PROGRAMS += tests/bench/pp-hop
tests_bench_pp_hop_LDADD = $(OVS_LIBS)
