# SPDX-License-Identifier: Apache-2.0
#
# The patch language: one line a file.

noinst_LIBRARIES += ovs-patchpoint/patch/libpp-patch.a
ovs_patchpoint_patch_libpp_patch_a_SOURCES = \
	ovs-patchpoint/patch/pp-affects.c \
	ovs-patchpoint/patch/pp-affects.h \
	ovs-patchpoint/patch/pp-build-private.h \
	ovs-patchpoint/patch/pp-build.c \
	ovs-patchpoint/patch/pp-bytes.c \
	ovs-patchpoint/patch/pp-bytes.h \
	ovs-patchpoint/patch/pp-clue.c \
	ovs-patchpoint/patch/pp-errors.c \
	ovs-patchpoint/patch/pp-errors.h \
	ovs-patchpoint/patch/pp-expr-call.c \
	ovs-patchpoint/patch/pp-expr-name.c \
	ovs-patchpoint/patch/pp-expr-node.c \
	ovs-patchpoint/patch/pp-expr-private.h \
	ovs-patchpoint/patch/pp-expr.c \
	ovs-patchpoint/patch/pp-expr.h \
	ovs-patchpoint/patch/pp-fold.c \
	ovs-patchpoint/patch/pp-func-address.c \
	ovs-patchpoint/patch/pp-func-decode.c \
	ovs-patchpoint/patch/pp-func-ftp.c \
	ovs-patchpoint/patch/pp-func-number.c \
	ovs-patchpoint/patch/pp-func-path.c \
	ovs-patchpoint/patch/pp-func-private.h \
	ovs-patchpoint/patch/pp-func-server.c \
	ovs-patchpoint/patch/pp-func-text.c \
	ovs-patchpoint/patch/pp-func-version.c \
	ovs-patchpoint/patch/pp-func.c \
	ovs-patchpoint/patch/pp-func.h \
	ovs-patchpoint/patch/pp-index.c \
	ovs-patchpoint/patch/pp-lex.c \
	ovs-patchpoint/patch/pp-lex.h \
	ovs-patchpoint/patch/pp-op.c \
	ovs-patchpoint/patch/pp-parallel.c \
	ovs-patchpoint/patch/pp-parallel.h \
	ovs-patchpoint/patch/pp-param.c \
	ovs-patchpoint/patch/pp-param.h \
	ovs-patchpoint/patch/pp-patch-correct.c \
	ovs-patchpoint/patch/pp-patch-params.c \
	ovs-patchpoint/patch/pp-patch-private.h \
	ovs-patchpoint/patch/pp-patch-state.c \
	ovs-patchpoint/patch/pp-patch-vectors.c \
	ovs-patchpoint/patch/pp-patch.c \
	ovs-patchpoint/patch/pp-patch.h \
	ovs-patchpoint/patch/pp-pool.c \
	ovs-patchpoint/patch/pp-pool.h \
	ovs-patchpoint/patch/pp-program-check.c \
	ovs-patchpoint/patch/pp-program.c \
	ovs-patchpoint/patch/pp-program.h \
	ovs-patchpoint/patch/pp-regex.c \
	ovs-patchpoint/patch/pp-regex.h \
	ovs-patchpoint/patch/pp-yaml.c \
	ovs-patchpoint/patch/pp-yaml.h

dist_man_MANS += ovs-patchpoint/patch/ovs-patchpoint-patch.5
