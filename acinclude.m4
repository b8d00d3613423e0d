dnl SPDX-License-Identifier: Apache-2.0
dnl
dnl Our configure checks.  They set:
dnl
dnl   PP_CFLAGS, PP_CPPFLAGS   for everything of ours
dnl   PP_LDFLAGS               for every link
dnl   PP_PROG_LDFLAGS          for the installed programs besides
dnl   OVS_*                    where Open vSwitch is, and how to link it

dnl PP_CC_OPTION([OPTION])
dnl
dnl Adds OPTION to PP_CFLAGS if the compiler takes it.  -Werror, since clang
dnl only warns of an option it does not know.
AC_DEFUN([PP_CC_OPTION],
  [AC_CACHE_CHECK([whether $CC accepts $1],
     AS_TR_SH([pp_cv_cc$1]),
     [pp_save_CFLAGS=$CFLAGS
      CFLAGS="$CFLAGS $PP_CFLAGS -Werror $1"
      AC_COMPILE_IFELSE([AC_LANG_PROGRAM()],
        [AS_TR_SH([pp_cv_cc$1])=yes], [AS_TR_SH([pp_cv_cc$1])=no])
      CFLAGS=$pp_save_CFLAGS])
   AS_IF([test "$AS_TR_SH([pp_cv_cc$1])" = yes],
     [PP_CFLAGS="$PP_CFLAGS $1"])])

dnl PP_WARNINGS
dnl
dnl The dialect and the warnings.  Open vSwitch's headers come in with -isystem
dnl (PP_OVS), so they need no exception, save one: clang, unlike gcc, warns of
dnl what their macros expand to, and VLOG_INFO() compares an enum with an int.
dnl -fno-strict-aliasing is what those headers are written for.
AC_DEFUN([PP_WARNINGS],
  [PP_CFLAGS="-std=gnu11 -fno-strict-aliasing"
   m4_foreach_w([option],
     [-Wall -Wextra -Wshadow -Wswitch-enum -Wpointer-arith
      -Wformat -Wformat-security -Wstrict-prototypes
      -Wold-style-definition -Wmissing-prototypes -Wvla
      -Wduplicated-cond -Wmultistatement-macros],
     [PP_CC_OPTION(option)
])
   AC_COMPILE_IFELSE(
     [AC_LANG_PROGRAM([[#ifndef __clang__
                        #error
                        #endif]])],
     [PP_CFLAGS="$PP_CFLAGS -Wno-sign-compare"])])

dnl PP_WERROR
AC_DEFUN([PP_WERROR],
  [AC_ARG_ENABLE([werror],
     [AS_HELP_STRING([--enable-werror], [a warning is an error])],
     [], [enable_werror=no])
   AS_IF([test "$enable_werror" = yes], [PP_CFLAGS="$PP_CFLAGS -Werror"])])

dnl PP_ARG_OPTIMIZATIONS, PP_OPTIMIZATIONS
dnl
dnl --enable-optimizations is for what is installed and what is measured: -O3
dnl by default, all of ours optimised together when a program is linked, so
dnl that calls between the files that a packet goes through vanish, and by a
dnl profile: "make" first builds the pipeline to count what it does, has it
dnl work on some traffic (profile.stamp in Makefile.am), then builds all with
dnl what was counted.  What was not run is optimised as ever.  A build takes
dnl minutes, a program many seconds to link.
AC_DEFUN([PP_ARG_OPTIMIZATIONS],
  [AC_ARG_ENABLE([optimizations],
     [AS_HELP_STRING([--enable-optimizations],
        [optimise with -O3, when linking, and by a profile (needs gcc):
         faster programs, slow to build])],
     [], [enable_optimizations=no])
   AS_IF([test "$enable_optimizations" = yes],
     [: ${CFLAGS="-O3 -g"}
      # The index of an archive with such objects is made by gcc's plugin.
      AC_CHECK_TOOL([AR], [gcc-ar], [ar])
      AC_CHECK_TOOL([RANLIB], [gcc-ranlib], [ranlib])])])
AC_DEFUN([PP_OPTIMIZATIONS],
  [AS_IF([test "$enable_optimizations" = yes],
     [PP_PROFILE="-fprofile-use -fprofile-correction"
      PP_PROFILE="$PP_PROFILE -fprofile-partial-training"
      PP_PROFILE="$PP_PROFILE -Wno-missing-profile"
      pp_save_CFLAGS=$CFLAGS
      CFLAGS="$CFLAGS -Werror -flto=auto $PP_PROFILE"
      AC_MSG_CHECKING([whether $CC optimises when linking, by a profile])
      AC_LINK_IFELSE([AC_LANG_PROGRAM()], [AC_MSG_RESULT([yes])],
        [AC_MSG_RESULT([no])
         AC_MSG_ERROR([--enable-optimizations needs gcc with its plugin])])
      CFLAGS=$pp_save_CFLAGS
      PP_CFLAGS="$PP_CFLAGS -flto=auto"])
   AC_SUBST([PP_PROFILE])
   # The profile is of programs that run here.
   AM_CONDITIONAL([PROFILE],
     [test "$enable_optimizations" = yes && test "$cross_compiling" = no])])

dnl PP_SANITIZERS
dnl
dnl --enable-sanitizers=address,undefined builds ours, not Open vSwitch, with
dnl these; the first finding ends the program.
AC_DEFUN([PP_SANITIZERS],
  [AC_ARG_ENABLE([sanitizers],
     [AS_HELP_STRING([--enable-sanitizers=LIST],
        [build with -fsanitize=LIST (default LIST: address,undefined)])],
     [], [enable_sanitizers=no])
   AS_CASE([$enable_sanitizers],
     [no], [pp_sanitizers=],
     [yes], [pp_sanitizers=address,undefined],
     [pp_sanitizers=$enable_sanitizers])
   AS_IF([test -n "$pp_sanitizers"],
     [pp_flags="-fsanitize=$pp_sanitizers -fno-sanitize-recover=all"
      pp_save_CFLAGS=$CFLAGS
      CFLAGS="$CFLAGS $pp_flags"
      AC_MSG_CHECKING([whether $CC links with $pp_flags])
      AC_LINK_IFELSE([AC_LANG_PROGRAM()], [AC_MSG_RESULT([yes])],
        [AC_MSG_RESULT([no])
         AC_MSG_ERROR([$CC cannot build with -fsanitize=$pp_sanitizers])])
      CFLAGS=$pp_save_CFLAGS
      PP_CFLAGS="$PP_CFLAGS $pp_flags -fno-omit-frame-pointer"
      PP_LDFLAGS="$PP_LDFLAGS $pp_flags"])])

dnl PP_ARG_FUZZERS, PP_FUZZERS
dnl
dnl --enable-fuzzers builds tests/fuzz/* with clang's libFuzzer, and everything
dnl of ours with the coverage it steers by.  Without it the same targets are
dnl linked with a main() that runs the files it is given, so that "make check"
dnl replays the corpora with any compiler.
AC_DEFUN([PP_ARG_FUZZERS],
  [AC_ARG_ENABLE([fuzzers],
     [AS_HELP_STRING([--enable-fuzzers],
        [build tests/fuzz/* with libFuzzer (needs clang)])],
     [], [enable_fuzzers=no])
   pp_fuzzers=$enable_fuzzers
   AS_IF([test "$pp_fuzzers" = yes],
     [: ${CC=clang}
      AS_IF([test "x${enable_sanitizers+set}" = x],
        [enable_sanitizers=address,undefined])])])
AC_DEFUN([PP_FUZZERS],
  [AS_IF([test "$pp_fuzzers" = yes],
     [pp_save_CFLAGS=$CFLAGS
      CFLAGS="$CFLAGS -fsanitize=fuzzer"
      AC_MSG_CHECKING([whether $CC has libFuzzer])
      AC_LINK_IFELSE(
        [AC_LANG_SOURCE(
           [[int LLVMFuzzerTestOneInput(const unsigned char *, unsigned long);
             int LLVMFuzzerTestOneInput(const unsigned char *p,
                                        unsigned long n)
             { return p && n ? 0 : 0; }]])],
        [AC_MSG_RESULT([yes])],
        [AC_MSG_RESULT([no])
         AC_MSG_ERROR([--enable-fuzzers needs clang with libFuzzer])])
      CFLAGS=$pp_save_CFLAGS
      PP_CFLAGS="$PP_CFLAGS -fsanitize=fuzzer-no-link"
      FUZZ_ENGINE=-fsanitize=fuzzer])
   AC_SUBST([FUZZ_ENGINE])
   AM_CONDITIONAL([ENABLE_FUZZERS], [test "$pp_fuzzers" = yes])])

dnl PP_HARDENING
dnl
dnl The programs read hostile bytes as a service.  _FORTIFY_SOURCE wants an
dnl optimising build and no sanitizer, which brings checks of its own.
AC_DEFUN([PP_HARDENING],
  [PP_CC_OPTION([-fstack-protector-strong])
   PP_CC_OPTION([-fstack-clash-protection])
   PP_CC_OPTION([-fPIE])
   AS_IF([test -z "$pp_sanitizers"],
     [AC_MSG_CHECKING([whether _FORTIFY_SOURCE can be used])
      pp_save_CFLAGS=$CFLAGS
      CFLAGS="$CFLAGS -Werror -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"
      AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <string.h>]])],
        [AC_MSG_RESULT([yes])
         PP_CPPFLAGS="$PP_CPPFLAGS -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"],
        [AC_MSG_RESULT([no])])
      CFLAGS=$pp_save_CFLAGS])
   PP_PROG_LDFLAGS="-pie -Wl,-z,relro -Wl,-z,now"])

dnl PP_OVS
dnl
dnl Finds Open vSwitch, whose library, build tools and headers we use as OVN
dnl does: out of a source tree and a build tree of it.
dnl
dnl   --with-ovs-source=DIR   an Open vSwitch source tree
dnl   --with-ovs-build=DIR    where that is built (default: the same DIR)
dnl
dnl With neither, configure unpacks what Debian's openvswitch-source package
dnl installs into ./_ovs and configures it there, with the directories of
dnl Debian's Open vSwitch (so that ovs-appctl finds our daemon), and "make"
dnl builds the libraries first.
dnl
dnl Two packages made by autoconf meet here, each with a config.h.  Ours comes
dnl first on the include path and is the one that '#include <config.h>' means,
dnl as in OVN.  But headers of Open vSwitch (ovs-atomic.h, ovs-thread.h,
dnl compiler.h, ...) depend on what *its* configure found, and must see the very
dnl results that the library was built with.  OVN repeats the checks in its own
dnl configure; we copy the results instead: ./ovs-config.h holds each macro of
dnl Open vSwitch's config.h but the package's name and version, and config.h
dnl ends by including it.
dnl
dnl Its include directories are given with -isystem: we do not answer for the
dnl warnings of its headers.
AC_DEFUN([PP_OVS],
  [AC_ARG_WITH([ovs-source],
     [AS_HELP_STRING([--with-ovs-source=DIR],
        [Open vSwitch source directory (default: unpack the
         openvswitch-source package)])])
   AC_ARG_WITH([ovs-build],
     [AS_HELP_STRING([--with-ovs-build=DIR],
        [Open vSwitch build directory (default: the source directory)])])
   AC_ARG_VAR([OVS_TARBALL], [Open vSwitch as openvswitch-source packs it])
   : ${OVS_TARBALL=/usr/src/openvswitch/openvswitch.tar.gz}

   pp_ovs_bundled=no
   AS_CASE([${with_ovs_source:-no}],
     [no],
       [AS_IF([test "${with_ovs_build:-no}" != no],
          [AC_MSG_ERROR([--with-ovs-build needs --with-ovs-source])])
        pp_ovs_bundled=yes
        PP_OVS_UNPACK
        OVS_SRC=`pwd -P`/_ovs
        OVS_BUILD=$OVS_SRC],
     [AS_IF([test -d "$with_ovs_source"], [],
        [AC_MSG_ERROR([--with-ovs-source=$with_ovs_source: not a directory])])
      OVS_SRC=`cd "$with_ovs_source" && pwd -P`
      AS_CASE([${with_ovs_build:-no}],
        [no], [OVS_BUILD=$OVS_SRC],
        [OVS_BUILD=`cd "$with_ovs_build" && pwd -P`])])

   AS_IF([test -f "$OVS_SRC/lib/vconn.c"], [],
     [AC_MSG_ERROR([$OVS_SRC is not an Open vSwitch source tree])])
   AS_IF([test -f "$OVS_BUILD/config.h"], [],
     [AC_MSG_ERROR([$OVS_BUILD is not an Open vSwitch build tree])])
   AS_IF([test $pp_ovs_bundled = no &&
          test ! -f "$OVS_BUILD/lib/.libs/libopenvswitch.a"],
     [AC_MSG_ERROR([Open vSwitch in $OVS_BUILD is not built: run make there])])

   OVS_INCLUDES="-isystem $OVS_SRC/include -isystem $OVS_BUILD/include"
   OVS_INCLUDES="$OVS_INCLUDES -isystem $OVS_SRC/lib -isystem $OVS_BUILD/lib"
   OVS_INCLUDES="$OVS_INCLUDES -isystem $OVS_SRC -isystem $OVS_BUILD"

   # libopenvswitch is static and its parts refer to each other: one group.
   # Its AVX-512 part is an archive of its own, where the compiler had it.
   # What it needs besides is what its own makefile would link.
   AS_VAR_SET([pp_ovs_deps],
     [`$SED -n 's/^Libs.private://p' "$OVS_BUILD/lib/libopenvswitch.pc"`])
   OVS_LIBS="-Wl,--start-group $OVS_BUILD/lib/.libs/libopenvswitch.a"
   AS_IF([test -f "$OVS_BUILD/lib/.libs/libopenvswitchavx512.a"],
     [OVS_LIBS="$OVS_LIBS $OVS_BUILD/lib/.libs/libopenvswitchavx512.a"])
   OVS_LIBS="$OVS_LIBS -Wl,--end-group $pp_ovs_deps -lpthread -lrt"
   OVS_VTEP_LIBS=$OVS_BUILD/vtep/.libs/libvtep.a

   AC_MSG_NOTICE([copying what Open vSwitch's configure found])
   { echo '/* Made by configure from Open vSwitch'\''s config.h. */'
     $SED -n '/^#define \(PACKAGE\|VERSION\|LT_OBJDIR\)/d
s/^#define \(@<:@A-Za-z0-9_@:>@*\).*/#ifndef \1\
&\
#endif/p' "$OVS_BUILD/config.h"
   } > ovs-config.h || AC_MSG_ERROR([cannot write ovs-config.h])

   AC_SUBST([OVS_SRC])
   AC_SUBST([OVS_BUILD])
   AC_SUBST([OVS_INCLUDES])
   AC_SUBST([OVS_LIBS])
   AC_SUBST([OVS_VTEP_LIBS])
   AM_CONDITIONAL([OVS_BUNDLED], [test $pp_ovs_bundled = yes])])

dnl PP_OVS_UNPACK
dnl
dnl Unpacks and configures Open vSwitch in ./_ovs, once.  AVX-512 is left out:
dnl it serves the userspace datapath, which we do not link.
AC_DEFUN([PP_OVS_UNPACK],
  [AS_IF([test -f _ovs/config.status], [],
     [AS_IF([test -r "$OVS_TARBALL"], [],
        [AC_MSG_ERROR([cannot read $OVS_TARBALL
Install the package openvswitch-source, or give --with-ovs-source.])])
      AC_MSG_NOTICE([unpacking $OVS_TARBALL into _ovs])
      rm -rf _ovs
      AS_MKDIR_P([_ovs])
      tar -xzf "$OVS_TARBALL" --strip-components=1 -C _ovs ||
        AC_MSG_ERROR([cannot unpack $OVS_TARBALL])
      AC_MSG_NOTICE([configuring Open vSwitch; output in _ovs/configure.out])
      (unset CC CFLAGS CPPFLAGS LDFLAGS LIBS CONFIG_SITE
       cd _ovs && ./configure --prefix=/usr \
         --localstatedir=/var --sysconfdir=/etc --disable-shared \
         ovs_cv__mavx512f=no CFLAGS='-O2 -g -fPIC' > configure.out 2>&1) ||
        AC_MSG_ERROR([cannot configure Open vSwitch: see _ovs/configure.out])])])
