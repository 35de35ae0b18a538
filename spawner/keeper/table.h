/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper-table: what the keeper knows of its processes, and what the supervisor was told of it; no I/O
 *
 * The table is a fixed array. Its `seq` counts the changes of the whole table, and each changed slot is
 * stamped with it. `told_seq` of a slot is the stamp that this supervisor was told last. If the two differ,
 * the slot must be told. This comparison is all that the level-triggered protocol needs. There is no queue
 * that could overflow or be lost with its reader.
 *
 * Group ids come from one counter. A bitmap, used as a ring, says which of the latest KEEPER_GROUP_WINDOW ids
 * were used. Older ids are always refused. Ids that a dead supervisor had reserved stay valid, so that its
 * successor can repeat a spawn that may or may not have been sent.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "spawner/shared/protocol.h"

#define KEEPER_GROUP_WINDOW 65536u
#define KEEPER_PIPES        4 /* stdout, stderr, notify, stdin: bit i of fd_mask is pipes[i] */
#define KEEPER_PIPE_STDIN   3

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
	/* when the leader has ended, its tree is not killed before this time; 0 = killed at once */
	uint64_t grace_ns;
	uint64_t killed_ns; /* when the killing of its tree began */
	/* the leader is a zombie that is not reaped yet; its tree ends by itself or is being killed */
	bool dying;
	/* how many living processes of its tree the last scan found, and how many could not be killed */
	unsigned n_busy, n_denied;
	pid_t denied_pid;        /* the latest of these, or the leader; 0 = none */
	uid_t denied_uid;        /* -1 = not known */
	uint64_t denied_ns;      /* tell of a leader that cannot be killed then, if it lives; 0 = no need */
	bool denied_told;        /* the supervisor may know */
	uint64_t held_ns;        /* say who debugs the leader then, if it lives; 0 = no need */
	bool fds_told;           /* this supervisor has its descriptors */
	int pipes[KEEPER_PIPES]; /* read ends, and the write end of stdin; -1 = none */
	int exec_fd;             /* read end of the exec pipe; -1 = the exec was heard of */
	struct keeper_rusage rusage;
	char name[KEEPER_NAME_SIZE];
};

/*
 * An index finds slots by a number. It uses open addressing and has twice as many places as there are slots,
 * so it is never more than half full.
 */
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
	unsigned next;   /* where telling goes on, so that no slot waits for ever behind a busy one */
	uint64_t seq;
	uint64_t next_group_id;
	uint64_t used[KEEPER_GROUP_WINDOW / 64];
};

/* Makes an empty table of one that is all zeroes. */
void keeper_table_init(struct keeper_table *table);

/* Reserves @n fresh group ids and returns the first. */
uint64_t keeper_table_reserve(struct keeper_table *table, unsigned n);

/*
 * Finds the slot for a spawn. 1: a new slot in stage FORKED, which the caller fills; 0: the cookie has a slot
 * already, which is told again; -ENOSPC: no slot is free; -EINVAL: the id was never reserved; -ESTALE: the id
 * is used up, or too old to know.
 */
int keeper_table_spawn(
	struct keeper_table *table, const struct keeper_spawn *spawn, struct keeper_entry **ret_entry);

struct keeper_entry *keeper_table_by_cookie(struct keeper_table *table, uint64_t cookie);
struct keeper_entry *keeper_table_by_group(struct keeper_table *table, uint64_t group_id);
struct keeper_entry *keeper_table_by_pid(struct keeper_table *table, pid_t pid);

/*
 * Puts the pid of a forked entry into the index. keeper_table_reaped() removes it, since the number may be
 * reused after the process was reaped.
 */
void keeper_table_set_pid(struct keeper_table *table, struct keeper_entry *entry, pid_t pid);
void keeper_table_reaped(struct keeper_table *table, struct keeper_entry *entry);

/* The next used entry from *at on; *at then points behind it. NULL at the end. */
struct keeper_entry *keeper_table_each(struct keeper_table *table, unsigned *at);

static inline bool keeper_entry_is_final(const struct keeper_entry *entry)
{
	return entry->stage == KEEPER_FAILED || entry->stage == KEEPER_EXITED;
}

static inline bool keeper_entry_has_process(const struct keeper_entry *entry)
{
	return entry->pid > 0 && !keeper_entry_is_final(entry);
}

/* @entry has changed, and the supervisor must be told. */
void keeper_table_touch(struct keeper_table *table, struct keeper_entry *entry);

/* To be called for a new supervisor, which was told nothing yet. */
void keeper_table_forget_told(struct keeper_table *table);

/* The next entry that must be told, or NULL. */
struct keeper_entry *keeper_table_untold(struct keeper_table *table);

/* Makes the record of an entry, with the fds to send along. */
void keeper_entry_report(const struct keeper_entry *entry, union keeper_record *ret_record,
	int fds[KEEPER_PIPES], size_t *ret_n_fds);

/* The supervisor has been sent the present state of @entry. */
void keeper_table_told(struct keeper_table *table, struct keeper_entry *entry);

/*
 * The entry whose final stage is acknowledged. The caller closes its fds and frees it. NULL: nothing to do.
 */
struct keeper_entry *keeper_table_ack(struct keeper_table *table, uint64_t group_id, uint64_t seq);
void keeper_table_free(struct keeper_table *table, struct keeper_entry *entry);
