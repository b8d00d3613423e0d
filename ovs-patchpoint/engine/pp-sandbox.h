/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_SANDBOX_H
#define PP_SANDBOX_H 1

/* The engine gives up everything that it does not need, before it reads its
 * first frame.  That it is another user than control, without capabilities,
 * and has only the descriptors that it was given, is control's doing
 * (control/pp-engine-exec.c); it refuses to run otherwise.
 *
 * From here on only what the loop needs can be called: reading and writing
 * open descriptors, polling, memory, time.  No file can be opened or looked
 * for, no socket made, no process started, looked into or signalled, no code
 * made or loaded; an attempt ends the process.  Behind that, where the kernel
 * has Landlock, no file, no TCP port and no process is within reach anyway.
 *
 * Returns NULL, or what went wrong, in words. */
const char *pp_sandbox_enter(void);

#endif /* pp-sandbox.h */
