/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper-table: the truth about processes, and what the supervisor was told of it; no I/O
 *
 * A fixed array. `seq` counts changes over the whole table and stamps the changed slot, `told_seq` is what
 * this supervisor was told last; unequal means: to be told. That comparison is the whole of the
 * level-triggered protocol, there is no queue that could overflow or be lost with its reader.
 *
 * Group ids come from one counter. Which of the latest KEEPER_GROUP_WINDOW were used is a bitmap, a ring over
 * the numbers; older ones are refused unseen. Ids a dead supervisor had reserved stay good, so that its
 * successor can repeat a spawn that may or may not have been sent.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "spawner/shared/protocol.h"

#define KEEPER_GROUP_WINDOW 65536u
#define KEEPER_PIPES        3 /* stdout, stderr, notify: bit i of fd_mask is pipes[i] */

struct keeper_entry {
	uint64_t cookie; /* 0: free */
	uint64_t group_id;
	uint64_t seq, told_seq;
	uint64_t start_ticks;
	uint64_t forked_ns, exec_ns, exited_ns;
	pid_t pid;
	enum keeper_stage stage;
	int error, step;
	int code, status;
	uint32_t flags, spawn_flags;
	/* until then its tree is not killed when the leader has ended; 0 = at once */
	uint64_t grace_ns;
	uint64_t killed_ns;      /* since then its tree is being killed */
	bool dying;              /* leader is a zombie we hold; its tree ends, or is being killed */
	bool busy;               /* the last scan found a living process of its tree */
	bool fds_told;           /* this supervisor has them */
	int pipes[KEEPER_PIPES]; /* read ends; -1 = none */
	int exec_fd;             /* read end of the exec pipe; -1 = heard */
	struct keeper_rusage rusage;
	char name[KEEPER_NAME_SIZE];
};

/* Slots by a number: open addressing, twice as many places as slots, so never more than half full. */
enum keeper_key {
	KEEPER_BY_COOKIE,
	KEEPER_BY_GROUP,
	KEEPER_BY_PID,
	_KEEPER_KEY_N,
};

#define KEEPER_INDEX_BITS 13
_Static_assert(1u << KEEPER_INDEX_BITS == 2 * KEEPER_SLOTS, "the index fits the table");

struct keeper_table {
	struct keeper_entry entries[KEEPER_SLOTS];
	uint16_t index[_KEEPER_KEY_N][1u << KEEPER_INDEX_BITS]; /* slot + 1; 0 = empty */
	unsigned n_used;
	unsigned high;   /* no entry at or above it is used */
	unsigned lowest; /* no entry below it is free */
	unsigned next;   /* where telling goes on: nobody waits for ever behind a busy slot */
	uint64_t seq;
	uint64_t next_group_id;
	uint64_t used[KEEPER_GROUP_WINDOW / 64];
};

/* A table of zeroes becomes an empty one. */
void keeper_table_init(struct keeper_table *table);

/* n fresh group ids; returns the first. */
uint64_t keeper_table_reserve(struct keeper_table *table, unsigned n);

/*
 * The slot for a spawn. 1: a new one, in stage FORKED, to be filled; 0: the cookie has one already, and it is
 * told again; -ENOSPC; -EINVAL the id was never reserved; -ESTALE it is used up, or too old to know.
 */
int keeper_table_spawn(
	struct keeper_table *table, const struct keeper_spawn *spawn, struct keeper_entry **ret_entry);

struct keeper_entry *keeper_table_by_cookie(struct keeper_table *table, uint64_t cookie);
struct keeper_entry *keeper_table_by_group(struct keeper_table *table, uint64_t group_id);
struct keeper_entry *keeper_table_by_pid(struct keeper_table *table, pid_t pid);

/*
 * The pid of a forked entry comes into the index, and leaves it when the process is reaped: after that the
 * number may be reused.
 */
void keeper_table_set_pid(struct keeper_table *table, struct keeper_entry *entry, pid_t pid);
void keeper_table_reaped(struct keeper_table *table, struct keeper_entry *entry);

/* The next used entry from *at on, which moves behind it; NULL at the end. */
struct keeper_entry *keeper_table_each(struct keeper_table *table, unsigned *at);

static inline bool keeper_entry_is_final(const struct keeper_entry *entry)
{
	return entry->stage == KEEPER_FAILED || entry->stage == KEEPER_EXITED;
}

static inline bool keeper_entry_has_process(const struct keeper_entry *entry)
{
	return entry->pid > 0 && !keeper_entry_is_final(entry);
}

/* Something about @entry has changed, which the supervisor is to be told. */
void keeper_table_touch(struct keeper_table *table, struct keeper_entry *entry);

/* A new supervisor knows nothing. */
void keeper_table_forget_told(struct keeper_table *table);

/* The next entry that is to be told, or NULL. */
struct keeper_entry *keeper_table_untold(struct keeper_table *table);

/* The record of an entry, and the fds to send with it. */
void keeper_entry_report(const struct keeper_entry *entry, union keeper_record *ret_record,
	int fds[KEEPER_PIPES], size_t *ret_n_fds);

/* The supervisor has been sent @entry as it is now. */
void keeper_table_told(struct keeper_table *table, struct keeper_entry *entry);

/* The entry whose final stage this acknowledges: close its fds, then free it. NULL: nothing to do. */
struct keeper_entry *keeper_table_ack(struct keeper_table *table, uint64_t group_id, uint64_t seq);
void keeper_table_free(struct keeper_table *table, struct keeper_entry *entry);
