/* SPDX-License-Identifier: Apache-2.0 */
/* Why an actor or a process ended: the `cause` map of docs/protocol.md §3, as a plain struct. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/util/buf.h"

/* struct actor_cause is public (actor.h). Strings are copied, cut to fit. */
struct actor_cause cause_make(const char *reason);
/* As waitid() gives an end: CLD_EXITED with an exit status, CLD_KILLED or CLD_DUMPED with a signal. */
struct actor_cause cause_of_exit(int code, int status);
struct actor_cause cause_from_exec_errno(int error, const char *path);
void cause_put(struct buf *b, const struct actor_cause *cause);
/* -EPROTO when it is no map or `reason` is missing; unknown keys are skipped. */
int cause_parse(const void *data, size_t size_bytes, struct actor_cause *ret);
/* "SIGSEGV" for 11; "SIG42" for what has no name. */
const char *cause_signal_name(int signo, char scratch[16]);
/* 11 for "SIGSEGV", "SEGV" or "11"; -EINVAL */
int cause_signal_number(const char *name);
