# SPDX-License-Identifier: Apache-2.0
#
# The lints, run by every "make" as OVN's are; "make lint" runs them alone.

EXTRA_DIST += build-aux/lint.py

ALL_LOCAL += lint
lint:
	@printf '%s\n' $(DISTFILES) > distfiles
	@$(PYTHON) $(srcdir)/build-aux/lint.py $(srcdir) distfiles
.PHONY: lint
CLEANFILES += distfiles
