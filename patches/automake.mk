# SPDX-License-Identifier: Apache-2.0
#
# The patches, and the list of what none can be for: data, found here by name,
# so that a new file needs no line.

EXTRA_DIST += patches

INSTALL_DATA_LOCAL += install-patches
install-patches:
	@cd $(srcdir)/patches && for f in `find . -name '*.yaml' -o -name '*.rst' | sort`; do \
	  d="$(DESTDIR)$(pkgdatadir)/patches/`dirname $$f`"; \
	  $(MKDIR_P) "$$d" && $(INSTALL_DATA) "$$f" "$$d/" || exit 1; \
	done

UNINSTALL_LOCAL += uninstall-patches
uninstall-patches:
	@cd $(srcdir)/patches && for f in `find . -name '*.yaml' -o -name '*.rst' | sort`; do \
	  rm -f "$(DESTDIR)$(pkgdatadir)/patches/$$f"; \
	done
.PHONY: install-patches uninstall-patches
