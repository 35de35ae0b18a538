/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/actor/history.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/base/base.h"
#include "libactor/protocol/mp.h"

struct history *history_of(const struct actor *self)
{
	const struct hash *histories = &self->group->histories;
	struct hash_node *node = NULL;

	if (self->has_history)
		node = hash_first(histories, hash_of_u64(histories, self->ref.serial));
	while (node && container_of(node, struct history, node)->serial != self->ref.serial)
		node = hash_next(node);
	return node ? container_of(node, struct history, node) : NULL;
}

static size_t size_of(uint64_t n)
{
	return sizeof(struct history) + n * sizeof(struct history_entry);
}

size_t history_bytes(const struct history *history)
{
	return size_of(history->max_entries);
}

void history_drop(struct actor *self)
{
	struct history *history = history_of(self);

	self->has_history = false;
	if (!history)
		return;
	hash_remove(&self->group->histories, &history->node);
	self->group->histories_bytes -= history_bytes(history);
	free(history);
}

int history_keep(struct actor *self, uint64_t n)
{
	struct hash *histories = &self->group->histories;
	struct history *history;

	if (n > HISTORY_MAX)
		return -EINVAL;
	history_drop(self);
	if (!n)
		return 0;
	if (self->group->histories_bytes + size_of(n) > HISTORIES_MAX_BYTES)
		return -ENOMEM;
	history = malloc(size_of(n));
	if (!history)
		return -ENOMEM;
	*history = (struct history){.max_entries = (uint32_t)n, .serial = self->ref.serial};
	if (hash_insert(histories, &history->node, hash_of_u64(histories, history->serial)) < 0) {
		free(history);
		return -ENOMEM;
	}
	self->group->histories_bytes += size_of(n);
	self->has_history = true;
	return 0;
}

/* Copies as many whole characters of UTF-8 as there is room for. */
static void method_copy(char to[HISTORY_METHOD_BYTES], const char *method)
{
	size_t n = strnlen(method, HISTORY_METHOD_BYTES);

	if (n == HISTORY_METHOD_BYTES)
		for (n--; n && ((uint8_t)method[n] & 0xc0) == 0x80; n--)
			;
	memcpy(to, method, n);
	to[n] = 0;
}

void history_note(struct actor *self, const actor_msg *msg)
{
	struct history *history = history_of(self);
	struct history_entry *entry;

	if (!history)
		return;
	entry = &history->entries[history->next];
	entry->time_ns = self->group->loop.now_ns;
	entry->sender = msg->sender;
	entry->kind = msg->kind;
	entry->body_bytes = msg->body_bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)msg->body_bytes;
	method_copy(entry->method, msg->method);
	if (msg->body_bytes <= HISTORY_BODY_BYTES)
		memcpy(entry->body, msg->body, msg->body_bytes);
	history->next = (history->next + 1) % history->max_entries;
	if (history->n_entries < history->max_entries)
		history->n_entries++;
}

const char *history_kind(enum msg_kind kind)
{
	switch (kind) {
	case MSG_CAST:
		return "cast";
	case MSG_CALL:
		return "call";
	case MSG_REPLY:
		return "reply";
	case MSG_DOWN:
		return "down";
	case MSG_EXIT:
		return "exit";
	case MSG_PG:
		return "pg";
	case MSG_NAME:
		return "name";
	case MSG_OVERLOAD:
		return "overload";
	case MSG_LETTER:
		return "dead_letter";
	case MSG_DRAINED:
		return "drained";
	case MSG_ITEM:
		return "item";
	case MSG_CANCEL:
		return "cancel";
	case MSG_CREDIT:
		return "credit";
	case MSG_TIMER:
	case MSG_TICK:
	case MSG_DUE:
		return "timer";
	case MSG_NEXT:
		return "continue";
	}
	return "?";
}

const struct history_entry *history_at(const struct history *history, uint32_t i)
{
	return &history->entries[(history->next + history->max_entries - history->n_entries + i) %
				 history->max_entries];
}

void history_put(struct buf *out, const struct history *history)
{
	mp_put_array(out, history->n_entries);
	for (uint32_t i = 0; i < history->n_entries; i++) {
		const struct history_entry *entry = history_at(history, i);
		bool has_body = entry->body_bytes && entry->body_bytes <= HISTORY_BODY_BYTES;

		mp_put_map(out, 6);
		mp_put_cstr(out, "time_us");
		mp_put_uint(out, (uint64_t)entry->time_ns / 1000);
		mp_put_cstr(out, "kind");
		mp_put_cstr(out, history_kind(entry->kind));
		mp_put_cstr(out, "from");
		mp_put_ref(out, entry->sender);
		mp_put_cstr(out, "method");
		mp_put_cstr(out, entry->method);
		mp_put_cstr(out, "bytes");
		mp_put_uint(out, entry->body_bytes);
		mp_put_cstr(out, "args");
		if (has_body)
			mp_put_bin(out, entry->body, entry->body_bytes);
		else
			mp_put_nil(out);
	}
}
