/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Methods about names. Each returns 0 if it has answered or will answer, and -EPROTO if it does not take the
 * arguments.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/answer.h"
#include "broker/member.h"
#include "broker/service.h"
#include "broker/state.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"

#define WAIT_MAX_MS UINT64_C(86400000) /* one day */

/*
 * The error with which @member is refused the name @name for @ref. NULL: @member can have the name if it is
 * free.
 */
static const char *name_refusal(const struct member *member, struct wire_str name, actor_ref ref)
{
	if (ref.node != member->broker->node || ref.group != member->group || !ref.serial)
		return ERROR_BAD_ARGS;
	return name.s[0] == '$' && !member->is_spawner ? ERROR_PERMISSION : NULL;
}

static void refuse_name(struct member *member, const struct wire_frame *call, const char *refusal)
{
	answer_refuse(member, call, refusal,
		!strcmp(refusal, ERROR_PERMISSION) ? "names that begin with $ are the node's own"
						   : "a group can register only its own actors");
}

/*
 * True: whether @name is free or who owns it is not known yet, since groups of an earlier broker may still
 * announce themselves. @call then waits, or it has been refused because too much of @member waits already.
 */
static bool wait_for_owner(struct member *member, const struct wire_frame *call, struct wire_str name)
{
	struct broker *broker = member->broker;
	actor_ref holder;

	if (member->is_spawner ||
		(!window_is_open(&broker->window) &&
			(!window_holds_names(&broker->window) || registry_find(broker, name, &holder))))
		return false;
	service_wait_for_window(member, call);
	return true;
}

static void answer_registered(
	struct member *member, const struct wire_frame *call, int r, actor_ref holder, struct wire_str name)
{
	char ref[ACTOR_REF_TEXT_MAX], text[ACTOR_REF_TEXT_MAX + WIRE_NAME_MAX_BYTES + 2];

	if (r == 0) {
		answer_done(member, call);
	} else if (r == -EEXIST) {
		snprintf(text, sizeof(text), "%s%s%.*s", actor_ref_format(holder, ref), name.s ? " " : "",
			(int)name.len, name.s ? name.s : "");
		answer_refuse(member, call, ERROR_IN_USE, text);
	} else {
		answer_refuse(member, call, ERROR_OVERLOADED,
			r == -EDQUOT ? "too many names of this group" : "out of memory");
	}
}

int method_register(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct wire_str name;
	actor_ref ref, holder = ACTOR_NOBODY;
	const char *refusal;
	int r;

	if (n < 2 || service_read_name(args, &name) < 0 || mp_read_ref(args, &ref) < 0)
		return -EPROTO;
	refusal = name_refusal(member, name, ref);
	if (refusal) {
		refuse_name(member, call, refusal);
	} else if (!wait_for_owner(member, call, name)) {
		r = registry_register(member->broker, member, name, ref, &holder);
		answer_registered(member, call, r, holder, wire_str(NULL, 0));
	}
	return 0;
}

int method_replace(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	actor_ref from, to, holder = ACTOR_NOBODY;
	struct wire_str name;
	const char *refusal;
	int r;

	if (n < 3 || service_read_name(args, &name) < 0 || mp_read_ref(args, &from) < 0 ||
		mp_read_ref(args, &to) < 0)
		return -EPROTO;
	refusal = name_refusal(member, name, to);
	if (refusal) {
		refuse_name(member, call, refusal);
	} else if (!wait_for_owner(member, call, name)) {
		r = registry_replace(member, name, from, to, &holder);
		if (r == -ESRCH)
			answer_refuse(member, call, ERROR_NOPROC, "nobody has this name");
		else
			answer_registered(member, call, r, holder, wire_str(NULL, 0));
	}
	return 0;
}

/* ---- many at once ---- */

static int entry_compare(const void *a, const void *b)
{
	const struct registry_entry *x = a, *y = b;
	size_t n = x->text.len < y->text.len ? x->text.len : y->text.len;
	int c = memcmp(x->text.s, y->text.s, n);

	return c ? c : (x->text.len > y->text.len) - (x->text.len < y->text.len);
}

/*
 * Reads an array of [name, ref] and sorts it. The caller frees *ret. 0; -EPROTO, also if a name comes twice;
 * -E2BIG: more than SERVICE_LIST_MAX; -ENOMEM.
 */
static int read_entries(struct mp_reader *args, struct registry_entry **ret, uint32_t *ret_n)
{
	struct registry_entry *entries;
	uint32_t n, n_pair;

	if (mp_read_array(args, &n) < 0)
		return -EPROTO;
	if (n > SERVICE_LIST_MAX)
		return -E2BIG;
	*ret = entries = calloc(n ? n : 1, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	*ret_n = n;
	for (uint32_t i = 0; i < n; i++) {
		if (mp_read_array(args, &n_pair) < 0 || n_pair != 2 ||
			service_read_name(args, &entries[i].text) < 0 ||
			mp_read_ref(args, &entries[i].ref) < 0)
			return -EPROTO;
	}
	qsort(entries, n, sizeof(*entries), entry_compare);
	for (uint32_t i = 1; i < n; i++) {
		if (!entry_compare(&entries[i - 1], &entries[i]))
			return -EPROTO;
	}
	return 0;
}

static void register_all(
	struct member *member, const struct wire_frame *call, struct registry_entry *entries, uint32_t n)
{
	const struct registry_entry *refused = NULL;
	int r;

	for (uint32_t i = 0; i < n; i++) {
		const char *refusal = name_refusal(member, entries[i].text, entries[i].ref);

		if (refusal) {
			refuse_name(member, call, refusal);
			return;
		}
	}
	for (uint32_t i = 0; i < n; i++) {
		if (wait_for_owner(member, call, entries[i].text))
			return;
	}
	r = registry_register_all(member, entries, n, &refused);
	answer_registered(member, call, r, refused ? refused->holder : ACTOR_NOBODY,
		refused ? refused->text : wire_str(NULL, 0));
}

int method_register_all(
	struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct registry_entry *entries = NULL;
	uint32_t n_entries = 0;
	int r = n < 1 ? -EPROTO : read_entries(args, &entries, &n_entries);

	if (r == -E2BIG)
		answer_refuse(member, call, ERROR_TOO_BIG, "at most 16384 names at once");
	else if (r == -ENOMEM)
		answer_refuse(member, call, ERROR_OVERLOADED, "out of memory");
	else if (r == 0)
		register_all(member, call, entries, n_entries);
	free(entries);
	return r == -EPROTO ? r : 0;
}

int method_unregister_all(
	struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct registry_entry *entries = NULL;
	uint32_t n_entries = 0;
	int r = n < 1 ? -EPROTO : read_entries(args, &entries, &n_entries);

	if (r == -E2BIG) {
		answer_refuse(member, call, ERROR_TOO_BIG, "at most 16384 names at once");
	} else if (r == -ENOMEM) {
		answer_refuse(member, call, ERROR_OVERLOADED, "out of memory");
	} else if (r == 0 && !list_is_empty(&member->waits) && window_holds_names(&member->broker->window)) {
		service_wait_for_window(member, call); /* as method_unregister() does */
	} else if (r == 0) {
		for (uint32_t i = 0; i < n_entries; i++)
			registry_unregister(member->broker, member, entries[i].text, entries[i].ref);
		answer_done(member, call);
	}
	free(entries);
	return r == -EPROTO ? r : 0;
}

int method_unregister(
	struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct wire_str name;
	actor_ref ref;

	if (n < 2 || service_read_name(args, &name) < 0 || mp_read_ref(args, &ref) < 0)
		return -EPROTO;
	if (!list_is_empty(&member->waits) && window_holds_names(&member->broker->window)) {
		/* the `register` of this name may wait, and must come first */
		service_wait_for_window(member, call);
		return 0;
	}
	registry_unregister(member->broker, member, name, ref);
	answer_done(member, call);
	return 0;
}

int method_whereis(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct broker *broker = member->broker;
	struct wire_str name;
	actor_ref ref;
	uint64_t wait_ms = 0;
	bool known;
	int r;

	if (n < 1 || service_read_name(args, &name) < 0 ||
		(n > 1 && mp_read_nil(args) < 0 && mp_read_uint(args, &wait_ms) < 0))
		return -EPROTO;
	known = registry_find(broker, name, &ref);
	if (!known && window_holds_names(&broker->window)) {
		if (registry_await(member, call, name) < 0)
			answer_refuse(member, call, ERROR_OVERLOADED,
				"too much of this group waits for the broker's recovery");
		return 0;
	}
	/* An answer now might be the ref of a dead actor whose end the asker has already been told. */
	if (registry_wait(member, call, name, &r)) {
		if (r < 0)
			answer_refuse(member, call, ERROR_OVERLOADED,
				"too much of this group waits for owners of names to come back");
		return 0;
	}
	r = registry_watch(broker, member, name);
	if (r < 0) {
		answer_refuse(member, call, ERROR_OVERLOADED,
			r == -EDQUOT ? "too many watched names" : "out of memory");
	} else if (!known && wait_ms && call->type == WIRE_CALL) {
		if (wait_ms > WAIT_MAX_MS)
			wait_ms = WAIT_MAX_MS;
		if (registry_wait_for_owner(member, call, name, broker->now_ns + (int64_t)wait_ms * 1000000) <
			0)
			answer_refuse(member, call, ERROR_OVERLOADED,
				"too much of this group waits for owners of names");
	} else if (!known) {
		answer_done(member, call);
	} else {
		struct buf *result = broker_body(broker);

		mp_put_ref(result, ref);
		answer_result(member, call, result);
	}
	return 0;
}

/* ---- by pattern ---- */

/* Reads a pattern from @args: a str, or nil for all names. */
static int read_pattern(struct mp_reader *args, struct pattern *ret)
{
	struct wire_str text = wire_str("", 0);

	if (mp_read_nil(args) < 0 && mp_read_str(args, &text.s, &text.len) < 0)
		return -EPROTO;
	return pattern_parse(text, ret) < 0 ? -EPROTO : 0;
}

static void answer_list(struct member *member, const struct wire_frame *call, const struct pattern *pattern,
	struct wire_str after, size_t max)
{
	struct buf *result = broker_body(member->broker);

	registry_list(member->broker, pattern, after, max, result);
	answer_result(member, call, result);
}

int method_names(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct wire_str after;
	struct pattern pattern;
	size_t max;

	(void)pattern_parse(wire_str("", 0), &pattern);
	if ((n > 0 && read_pattern(args, &pattern) < 0) ||
		service_read_part(args, n > 1 ? n - 1 : 0, &max, &after) < 0)
		return -EPROTO;
	answer_list(member, call, &pattern, after, max);
	return 0;
}

int method_names_watch(
	struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct wire_str after;
	struct pattern pattern;
	uint64_t id;
	size_t max;
	int r;

	if (n < 2 || mp_read_uint(args, &id) < 0 || read_pattern(args, &pattern) < 0 ||
		service_read_part(args, n > 3 ? 1 : n - 2, &max, &after) < 0)
		return -EPROTO;
	if (window_holds_names(&member->broker->window)) {
		/* some living group may not have announced its names yet */
		service_wait_for_window(member, call);
		return 0;
	}
	r = name_watch_begin(member, id, &pattern);
	if (r < 0)
		answer_refuse(member, call, ERROR_OVERLOADED,
			r == -EDQUOT ? "too many watches of names by a pattern" : "out of memory");
	else
		answer_list(member, call, &pattern, after, max);
	return 0;
}

int method_names_unwatch(
	struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	uint64_t id;

	if (n < 1 || mp_read_uint(args, &id) < 0)
		return -EPROTO;
	name_watch_end(member, id);
	answer_done(member, call);
	return 0;
}
