# SPDX-License-Identifier: Apache-2.0
#
# Fuzz targets.  tests/fuzz/fuzz-x.c defines LLVMFuzzerTestOneInput();
# tests/fuzz/corpus/x/ holds its seeds and every input that once broke it.
# "configure --enable-fuzzers" links libFuzzer; else the target runs the files
# it is given.  Either way "make check" replays the corpora.
#
# To add one, add its name to the list, and a line that says what it links:
#
#   tests/fuzz/fuzz-x
#   tests_fuzz_fuzz_x_LDADD = $(FUZZ_LIBS)

FUZZERS = \
	tests/fuzz/fuzz-ftp \
	tests/fuzz/fuzz-func \
	tests/fuzz/fuzz-http \
	tests/fuzz/fuzz-ldap \
	tests/fuzz/fuzz-patch \
	tests/fuzz/fuzz-pipeline \
	tests/fuzz/fuzz-smtp
tests_fuzz_fuzz_ftp_SOURCES = tests/fuzz/fuzz-ftp.c $(FUZZ_PROXY)
tests_fuzz_fuzz_ftp_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_func_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_http_SOURCES = tests/fuzz/fuzz-http.c $(FUZZ_PROXY)
tests_fuzz_fuzz_http_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_ldap_SOURCES = tests/fuzz/fuzz-ldap.c $(FUZZ_PROXY)
tests_fuzz_fuzz_ldap_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_patch_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_pipeline_SOURCES = tests/fuzz/fuzz-pipeline.c $(FUZZ_PIPELINE)
tests_fuzz_fuzz_pipeline_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) \
	-DPP_TOP_SRCDIR='"$(abs_top_srcdir)"'
tests_fuzz_fuzz_pipeline_LDADD = $(FUZZ_MAIN) $(LDADD)
tests_fuzz_fuzz_smtp_SOURCES = tests/fuzz/fuzz-smtp.c $(FUZZ_PROXY)
tests_fuzz_fuzz_smtp_LDADD = $(FUZZ_LIBS)

# What the targets of proxies share.
FUZZ_PROXY = tests/fuzz/fuzz-proxy.c tests/fuzz/fuzz-proxy.h

# What the pipeline's target is made of besides.
FUZZ_PIPELINE = \
	tests/fuzz/pipeline-mirror.c \
	tests/fuzz/pipeline-mirror.h \
	tests/fuzz/pipeline-mutate.c \
	tests/fuzz/pipeline-records.c \
	tests/fuzz/pipeline-records.h

# Seeds of the patches' vectors, for the targets of proxies and the pipeline.
check_PROGRAMS += tests/fuzz/make-seeds
tests_fuzz_make_seeds_SOURCES = \
	tests/fuzz/fuzz-proxy.h \
	tests/fuzz/make-seeds.c \
	tests/fuzz/pipeline-records.c \
	tests/fuzz/pipeline-records.h
tests_fuzz_make_seeds_LDADD = $(PP_TEST_LIBS)

EXTRA_DIST += tests/fuzz/corpus

if ENABLE_FUZZERS
FUZZ_MAIN = $(FUZZ_ENGINE)
else
FUZZ_MAIN = tests/fuzz/libpp-fuzz-main.a
check_LIBRARIES += tests/fuzz/libpp-fuzz-main.a
endif
tests_fuzz_libpp_fuzz_main_a_SOURCES = tests/fuzz/fuzz-main.c
FUZZ_LIBS = $(FUZZ_MAIN) $(PP_TEST_LIBS)

# "make fuzzers" builds the targets and runs nothing.
check_PROGRAMS += $(FUZZERS)
fuzzers: $(BUILT_SOURCES)
	$(AM_V_at)$(MAKE) $(AM_MAKEFLAGS) $(FUZZERS) tests/fuzz/make-seeds
.PHONY: fuzzers

TESTS += tests/fuzz/replay-corpora
EXTRA_DIST += tests/fuzz/replay-corpora
