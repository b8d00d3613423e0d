/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_SANDBOX_H
#define PP_SANDBOX_H 1

/* The engine gives up everything that it does not need, before it reads its
 * first frame.  Each returns NULL, or what went wrong, in words. */

/* Becomes 'user', without groups, capabilities, or a way to gain any. */
const char *pp_sandbox_drop_privileges(const char *user);

/* From here on only what the loop needs can be called: reading and writing
 * open descriptors, polling, memory, time.  No file can be opened, no socket
 * made, no process started, no code loaded; an attempt ends the process. */
const char *pp_sandbox_enter(void);

#endif /* pp-sandbox.h */
