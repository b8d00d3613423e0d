# SPDX-License-Identifier: Apache-2.0

EXTRA_DIST += \
	debian/changelog \
	debian/control \
	debian/copyright \
	debian/ovs-patchpoint.install \
	debian/ovs-patchpoint.logrotate \
	debian/ovs-patchpoint.ovs-patchpointd.service \
	debian/ovs-patchpoint.postinst \
	debian/ovs-patchpoint.postrm \
	debian/ovs-patchpoint.prerm \
	debian/ovs-patchpoint-patches.docs \
	debian/ovs-patchpoint-patches.install \
	debian/rules \
	debian/source/format
