/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel knows of clients, also of those that an earlier broker admitted: for the broker's shell.
 *
 * A client has a directory, g/ID. One with direct links listens at a door in it. One with a single link
 * listens nowhere, so the broker notes there which process it is: a file without content, whose name is the
 * pid and when that process started. Both end with the process, whatever becomes of the broker.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Notes that the client @group is the process @pid. What cannot be noted is not known to the next broker. */
void client_note(const char *runtime_dir, uint64_t group, pid_t pid);
bool client_lives(const char *runtime_dir, uint64_t group);
/* Removes its directory; what is not a socket stays, and was not ours. */
void client_remove(const char *runtime_dir, uint64_t group);
/* Calls @fn for each client that lives. @at_door: it listens; else only its process is known to live. */
void clients_each(const char *runtime_dir, void (*fn)(void *arg, uint64_t group, bool at_door), void *arg);
