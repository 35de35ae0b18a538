/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the broker's shell: which clients live, as the kernel says. This includes clients that an earlier
 * broker admitted.
 *
 * A client has a directory, g/ID. A client with direct links listens at a door in that directory. A client
 * with a single link listens nowhere, so the broker notes in the directory which process it is. The note is a
 * socket file whose name is the pid and the start time of the process. Door and note say the truth also after
 * the broker's end: nobody listens at the door of a dead process, and no new process has the same pid and
 * start time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Notes that the client @group is the process @pid. If the note cannot be made, the next broker does not know
 * the client.
 */
void client_note(const char *runtime_dir, uint64_t group, pid_t pid);
bool client_lives(const char *runtime_dir, uint64_t group);
/*
 * Removes the client's directory and the sockets in it. A file that is not a socket is not of actor, and
 * stays.
 */
void client_remove(const char *runtime_dir, uint64_t group);
/*
 * Calls @fn for each client that lives. @at_door: the client listens at its door; else only its process is
 * known to live.
 */
void clients_each(const char *runtime_dir, void (*fn)(void *arg, uint64_t group, bool at_door), void *arg);
