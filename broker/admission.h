/* SPDX-License-Identifier: Apache-2.0 */
/* Who may come in: from a hello to a member with a pipe of its own, or a refusal that says why. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct broker;
struct member;

void admission_hello(
	struct broker *broker, uint64_t hello_id, uid_t uid, pid_t pid, const void *data, size_t size_bytes);
/*
 * @member did not come to the pipe that was made for it. It has the state from before its hello again, or is
 * forgotten if nothing else needs it.
 */
void admission_undo(struct member *member);
