/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "logstats.h"

/* FNV-1a, which suffices if nobody chooses keys to make it slow. */
static uint64_t key_hash(const char *key, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)key[i]) * 0x100000001b3;
	return hash ^ hash >> 32;
}

static struct entry *table_slot(const struct table *table, const char *key, size_t len, uint64_t hash)
{
	for (size_t i = hash;; i++) {
		struct entry *entry = &table->entries[i & (table->capacity - 1)];

		if (!entry->key)
			return entry;
		if (entry->hash == hash && entry->key_len == len && !memcmp(entry->key, key, len))
			return entry;
	}
}

static int table_grow(struct table *table)
{
	struct table bigger = {.capacity = table->capacity ? table->capacity * 2 : 64, .n = table->n};

	bigger.entries = calloc(bigger.capacity, sizeof(*bigger.entries));
	if (!bigger.entries)
		return -ENOMEM;
	for (size_t i = 0; i < table->capacity; i++) {
		const struct entry *entry = &table->entries[i];

		if (entry->key)
			*table_slot(&bigger, entry->key, entry->key_len, entry->hash) = *entry;
	}
	free(table->entries);
	*table = bigger;
	return 0;
}

int totals_add(
	struct totals *totals, struct table *table, const char *key, size_t key_len, struct tally tally)
{
	uint64_t hash = key_hash(key, key_len);
	struct entry *entry;

	if (table->n * 2 >= table->capacity && table_grow(table) < 0)
		return -ENOMEM;
	entry = table_slot(table, key, key_len, hash);
	if (!entry->key && table->n == PATHS_MAX) {
		key = "(others)";
		key_len = strlen(key);
		hash = key_hash(key, key_len);
		entry = table_slot(table, key, key_len, hash);
	}
	if (!entry->key) {
		char *copy = NULL;

		if (!totals->borrow) {
			copy = malloc(key_len + 1);
			if (!copy)
				return -ENOMEM;
			memcpy(copy, key, key_len);
			copy[key_len] = '\0';
		}
		*entry = (struct entry){.key = copy ? copy : key, .key_len = key_len, .hash = hash};
		table->n++;
	}
	entry->tally.requests += tally.requests;
	entry->tally.bytes += tally.bytes;
	return 0;
}

static void table_clear(struct table *table, bool borrowed)
{
	for (size_t i = 0; i < table->capacity; i++) {
		if (!borrowed)
			free((char *)table->entries[i].key);
		table->entries[i].key = NULL;
	}
	table->n = 0;
}

void totals_clear(struct totals *totals)
{
	memset(&totals->all, 0, sizeof(totals->all));
	memset(totals->status, 0, sizeof(totals->status));
	table_clear(&totals->methods, totals->borrow);
	table_clear(&totals->paths, totals->borrow);
}

void totals_deinit(struct totals *totals)
{
	totals_clear(totals);
	free(totals->methods.entries);
	free(totals->paths.entries);
	*totals = (struct totals){0};
}

static void tally_pack(struct tally tally, msgpack_packer *out)
{
	msgpack_pack_uint64(out, tally.requests);
	msgpack_pack_uint64(out, tally.bytes);
}

static void table_pack(const struct table *table, msgpack_packer *out)
{
	msgpack_pack_array(out, table->n * 3);
	for (size_t i = 0; i < table->capacity; i++) {
		const struct entry *entry = &table->entries[i];

		if (!entry->key)
			continue;
		/* keys may have any bytes, since they come from the log */
		msgpack_pack_bin_with_body(out, entry->key, entry->key_len);
		tally_pack(entry->tally, out);
	}
}

void totals_pack(const struct totals *totals, msgpack_packer *out)
{
	size_t n = 0;

	for (int i = 0; i <= STATUS_MAX - STATUS_MIN; i++)
		n += totals->status[i].requests ? 1 : 0;
	msgpack_pack_array(out, n * 3);
	for (int i = 0; i <= STATUS_MAX - STATUS_MIN; i++) {
		if (!totals->status[i].requests)
			continue;
		msgpack_pack_int(out, STATUS_MIN + i);
		tally_pack(totals->status[i], out);
	}
	table_pack(&totals->methods, out);
	table_pack(&totals->paths, out);
}

static bool object_is_uint(const msgpack_object *object, uint64_t min, uint64_t max)
{
	return object->type == MSGPACK_OBJECT_POSITIVE_INTEGER && object->via.u64 >= min &&
	       object->via.u64 <= max;
}

/* Finds the rows in an array that has three elements for each row. */
static int rows_of(const msgpack_object *object, const msgpack_object **ret, uint32_t *ret_n)
{
	const msgpack_object_array *array = &object->via.array;

	if (object->type != MSGPACK_OBJECT_ARRAY || array->size % 3)
		return -EPROTO;
	for (uint32_t i = 0; i < array->size; i++)
		if (i % 3 && !object_is_uint(&array->ptr[i], 0, UINT64_MAX))
			return -EPROTO;
	*ret = array->ptr;
	*ret_n = array->size / 3;
	return 0;
}

static struct tally row_tally(const msgpack_object *row)
{
	return (struct tally){.requests = row[1].via.u64, .bytes = row[2].via.u64};
}

static int status_merge(struct totals *totals, const msgpack_object *object)
{
	const msgpack_object *row;
	uint32_t n;
	int r = rows_of(object, &row, &n);

	for (; r == 0 && n--; row += 3) {
		struct tally tally = row_tally(row), *status;

		if (!object_is_uint(row, STATUS_MIN, STATUS_MAX))
			return -EPROTO;
		status = &totals->status[row->via.u64 - STATUS_MIN];
		status->requests += tally.requests;
		status->bytes += tally.bytes;
		totals->all.requests += tally.requests;
		totals->all.bytes += tally.bytes;
	}
	return r;
}

static int table_merge(struct totals *totals, struct table *table, const msgpack_object *object)
{
	const msgpack_object *row;
	uint32_t n;
	int r = rows_of(object, &row, &n);

	for (; r == 0 && n--; row += 3) {
		if (row->type != MSGPACK_OBJECT_BIN)
			return -EPROTO;
		r = totals_add(totals, table, row->via.bin.ptr, row->via.bin.size, row_tally(row));
	}
	return r;
}

int totals_merge(struct totals *totals, const struct msgpack_object *three)
{
	int r = status_merge(totals, &three[0]);

	if (r == 0)
		r = table_merge(totals, &totals->methods, &three[1]);
	return r < 0 ? r : table_merge(totals, &totals->paths, &three[2]);
}

static int entry_compare(const void *a, const void *b)
{
	const struct entry *x = *(const struct entry *const *)a, *y = *(const struct entry *const *)b;

	if (x->tally.requests != y->tally.requests)
		return x->tally.requests < y->tally.requests ? 1 : -1;
	return strcmp(x->key, y->key); /* so that equal counts always have the same order */
}

const struct entry **table_sorted(const struct table *table)
{
	const struct entry **sorted = table->n ? calloc(table->n, sizeof(*sorted)) : NULL;
	size_t n = 0;

	if (!sorted)
		return NULL;
	for (size_t i = 0; i < table->capacity; i++)
		if (table->entries[i].key)
			sorted[n++] = &table->entries[i];
	qsort(sorted, n, sizeof(*sorted), entry_compare);
	return sorted;
}
