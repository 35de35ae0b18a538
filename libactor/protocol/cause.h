/* SPDX-License-Identifier: Apache-2.0 */
/* Why an actor or a process ended: the `cause` map of docs/protocol.md §3, as a plain struct. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/util/buf.h"

/* struct actor_cause is public (actor/cause.h). @reason is copied and cut to fit. */
struct actor_cause cause_make(const char *reason);
/*
 * @code and @status as waitid() gives them: CLD_EXITED with an exit status, CLD_KILLED or CLD_DUMPED with a
 * signal.
 */
struct actor_cause cause_of_exit(int code, int status);
struct actor_cause cause_from_exec_errno(int error, const char *path);
void cause_put(struct buf *b, const struct actor_cause *cause);
/* Returns -EPROTO when the data is no map or `reason` is missing. Unknown keys are skipped. */
int cause_parse(const void *data, size_t size_bytes, struct actor_cause *ret);
/* "SIGSEGV" for 11; "SIG42" for a number without a name. */
const char *cause_signal_name(int signo, char scratch[16]);
/* Returns 11 for "SIGSEGV", "SEGV" or "11", also knows "RTMIN+1"; -EINVAL for an unknown name. */
int cause_signal_number(const char *name);
