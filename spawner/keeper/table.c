/* SPDX-License-Identifier: Apache-2.0 */
#include "spawner/keeper/table.h"

#include <errno.h>
#include <string.h>

#include "spawner/shared/client.h"

#define INDEX_MASK ((1u << KEEPER_INDEX_BITS) - 1)

static uint64_t entry_key(const struct keeper_entry *entry, enum keeper_key by)
{
	return by == KEEPER_BY_COOKIE  ? entry->cookie
	       : by == KEEPER_BY_GROUP ? entry->group_id
				       : (uint64_t)entry->pid;
}

static unsigned index_home(uint64_t key)
{
	return (unsigned)(key * 0x9e3779b97f4a7c15ull >> (64 - KEEPER_INDEX_BITS));
}

/* The place that holds @key, or the empty place where @key would be put. */
static unsigned index_place(const struct keeper_table *table, enum keeper_key by, uint64_t key)
{
	unsigned at = index_home(key);

	while (table->index[by][at] && entry_key(&table->entries[table->index[by][at] - 1], by) != key)
		at = (at + 1) & INDEX_MASK;
	return at;
}

static void index_add(struct keeper_table *table, enum keeper_key by, const struct keeper_entry *entry)
{
	table->index[by][index_place(table, by, entry_key(entry, by))] =
		(uint16_t)(entry - table->entries + 1);
}

/*
 * Entries that stand behind the removed one because they collided with it move back into the gap. So no
 * tombstones are needed, which would pile up over months.
 */
static void index_remove(struct keeper_table *table, enum keeper_key by, const struct keeper_entry *entry)
{
	uint16_t *index = table->index[by];
	unsigned gap = index_place(table, by, entry_key(entry, by)), at = gap;

	index[gap] = 0;
	while (index[at = (at + 1) & INDEX_MASK]) {
		unsigned home = index_home(entry_key(&table->entries[index[at] - 1], by));

		if (((at - home) & INDEX_MASK) >= ((at - gap) & INDEX_MASK)) {
			index[gap] = index[at];
			index[at] = 0;
			gap = at;
		}
	}
}

static struct keeper_entry *index_find(struct keeper_table *table, enum keeper_key by, uint64_t key)
{
	uint16_t slot = key ? table->index[by][index_place(table, by, key)] : 0;

	return slot ? &table->entries[slot - 1] : NULL;
}

void keeper_table_init(struct keeper_table *table)
{
	table->next_group_id = 1;
}

uint64_t keeper_table_reserve(struct keeper_table *table, unsigned n)
{
	uint64_t first = table->next_group_id, id;

	/* In the ring the new ids take the places of the oldest ones. */
	for (id = first; id < first + n; id++)
		table->used[id % KEEPER_GROUP_WINDOW / 64] &= ~(1ull << id % 64);
	table->next_group_id += n;
	return first;
}

static int table_group_use(struct keeper_table *table, uint64_t id)
{
	uint64_t *word = &table->used[id % KEEPER_GROUP_WINDOW / 64], bit = 1ull << id % 64;

	if (!id || id >= table->next_group_id)
		return -EINVAL;
	if (table->next_group_id - id > KEEPER_GROUP_WINDOW || *word & bit)
		return -ESTALE;
	*word |= bit;
	return 0;
}

int keeper_table_spawn(
	struct keeper_table *table, const struct keeper_spawn *spawn, struct keeper_entry **ret_entry)
{
	struct keeper_entry *entry;
	unsigned i;
	int r;

	entry = keeper_table_by_cookie(table, spawn->cookie);
	if (entry) {
		entry->told_seq = 0;
		*ret_entry = entry;
		return 0;
	}
	if (table->n_used == KEEPER_SLOTS)
		return -ENOSPC;
	r = table_group_use(table, spawn->group_id);
	if (r < 0)
		return r;

	for (i = table->lowest; table->entries[i].cookie; i++)
		;
	table->lowest = i + 1;
	entry = &table->entries[i];
	*entry = (struct keeper_entry){.cookie = spawn->cookie,
		.group_id = spawn->group_id,
		.stage = KEEPER_FORKED,
		.spawn_flags = spawn->flags,
		.pipes = {-1, -1, -1, -1},
		.exec_fd = -1};
	memcpy(entry->name, spawn->name, sizeof(entry->name));
	index_add(table, KEEPER_BY_COOKIE, entry);
	index_add(table, KEEPER_BY_GROUP, entry);
	table->n_used++;
	if (i >= table->high)
		table->high = i + 1;
	keeper_table_touch(table, entry);
	*ret_entry = entry;
	return 1;
}

struct keeper_entry *keeper_table_by_cookie(struct keeper_table *table, uint64_t cookie)
{
	return index_find(table, KEEPER_BY_COOKIE, cookie);
}

struct keeper_entry *keeper_table_by_group(struct keeper_table *table, uint64_t group_id)
{
	return index_find(table, KEEPER_BY_GROUP, group_id);
}

struct keeper_entry *keeper_table_by_pid(struct keeper_table *table, pid_t pid)
{
	return index_find(table, KEEPER_BY_PID, (uint64_t)pid);
}

void keeper_table_set_pid(struct keeper_table *table, struct keeper_entry *entry, pid_t pid)
{
	entry->pid = pid;
	index_add(table, KEEPER_BY_PID, entry);
}

void keeper_table_reaped(struct keeper_table *table, struct keeper_entry *entry)
{
	index_remove(table, KEEPER_BY_PID, entry);
}

struct keeper_entry *keeper_table_each(struct keeper_table *table, unsigned *at)
{
	while (*at < table->high) {
		struct keeper_entry *entry = &table->entries[(*at)++];

		if (entry->cookie)
			return entry;
	}
	return NULL;
}

void keeper_table_touch(struct keeper_table *table, struct keeper_entry *entry)
{
	entry->seq = ++table->seq;
}

void keeper_table_forget_told(struct keeper_table *table)
{
	struct keeper_entry *entry;
	unsigned at = 0;

	while ((entry = keeper_table_each(table, &at))) {
		entry->told_seq = 0;
		entry->fds_told = false;
	}
}

struct keeper_entry *keeper_table_untold(struct keeper_table *table)
{
	unsigned i;

	for (i = 0; i < table->high; i++) {
		struct keeper_entry *entry = &table->entries[(table->next + i) % table->high];

		if (entry->cookie && entry->told_seq != entry->seq)
			return entry;
	}
	return NULL;
}

void keeper_entry_report(const struct keeper_entry *entry, union keeper_record *ret_record,
	int fds[KEEPER_PIPES], size_t *ret_n_fds)
{
	struct keeper_slot *slot = &ret_record->slot;
	size_t n_fds = 0;
	int i;

	keeper_record_init(ret_record, KEEPER_SLOT);
	slot->cookie = entry->cookie;
	slot->group_id = entry->group_id;
	slot->seq = entry->seq;
	slot->start_ticks = entry->start_ticks;
	slot->forked_ns = entry->forked_ns;
	slot->exec_ns = entry->exec_ns;
	slot->exited_ns = keeper_entry_is_final(entry) ? entry->exited_ns : 0;
	slot->pid = entry->pid;
	slot->stage = entry->stage;
	slot->error = entry->stage == KEEPER_FAILED ? entry->error : 0;
	slot->step = entry->stage == KEEPER_FAILED ? entry->step : 0;
	slot->code = entry->stage == KEEPER_EXITED ? entry->code : 0;
	slot->status = entry->stage == KEEPER_EXITED ? entry->status : 0;
	slot->flags = keeper_entry_is_final(entry) ? entry->flags : 0;
	slot->spawn_flags = entry->spawn_flags;
	if (entry->denied_told || keeper_entry_is_final(entry)) {
		slot->denied_pid = entry->denied_pid;
		slot->denied_uid = entry->denied_uid;
	}
	slot->rusage = entry->rusage;
	memcpy(slot->name, entry->name, sizeof(slot->name));
	for (i = 0; i < KEEPER_PIPES && !entry->fds_told; i++)
		if (entry->pipes[i] >= 0) {
			slot->fd_mask |= 1u << i;
			fds[n_fds++] = entry->pipes[i];
		}
	*ret_n_fds = n_fds;
}

void keeper_table_told(struct keeper_table *table, struct keeper_entry *entry)
{
	entry->told_seq = entry->seq;
	entry->fds_told = true;
	table->next = (unsigned)(entry - table->entries) + 1;
}

struct keeper_entry *keeper_table_ack(struct keeper_table *table, uint64_t group_id, uint64_t seq)
{
	struct keeper_entry *entry = keeper_table_by_group(table, group_id);

	return entry && keeper_entry_is_final(entry) && entry->seq == seq ? entry : NULL;
}

void keeper_table_free(struct keeper_table *table, struct keeper_entry *entry)
{
	unsigned i = (unsigned)(entry - table->entries);

	index_remove(table, KEEPER_BY_COOKIE, entry);
	index_remove(table, KEEPER_BY_GROUP, entry);
	entry->cookie = 0;
	table->n_used--;
	if (i < table->lowest)
		table->lowest = i;
	while (table->high > 0 && !table->entries[table->high - 1].cookie)
		table->high--;
}
