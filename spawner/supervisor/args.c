/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the arguments of `$spawner`'s methods. They are an array, whose last elements may be missing. */
#include "spawner/supervisor/args.h"

#include <errno.h>
#include <string.h>

#include "libactor/protocol/names.h"

struct supervisor *supervisor_of(actor *self)
{
	return *(struct supervisor **)actor_state(self);
}

struct args args_of(const actor_msg *msg)
{
	struct args args = {0};
	size_t size_bytes;
	const void *body = actor_msg_body(msg, &size_bytes);

	args.r = mp_reader(body, size_bytes);
	if (mp_read_array(&args.r, &args.n) < 0)
		args.n = 0;
	return args;
}

/* Reads a name and terminates it. -EPROTO: the argument is no name. */
int args_name(struct args *args, char ret[256])
{
	const char *s;
	size_t len;

	if (!args->n || mp_read_str(&args->r, &s, &len) < 0 || !len || len > 255 || memchr(s, 0, len))
		return -EPROTO;
	args->n--;
	memcpy(ret, s, len);
	ret[len] = 0;
	return 0;
}

int args_uint(struct args *args, uint64_t *ret)
{
	if (!args->n || mp_read_uint(&args->r, ret) < 0)
		return -EPROTO;
	args->n--;
	return 0;
}

int args_ref(struct args *args, actor_ref *ret)
{
	if (!args->n || mp_read_ref(&args->r, ret) < 0)
		return -EPROTO;
	args->n--;
	return 0;
}

int args_bool(struct args *args, bool fallback, bool *ret)
{
	*ret = fallback;
	if (!args->n)
		return 0;
	args->n--;
	return mp_read_bool(&args->r, ret);
}

/* Reads milliseconds. Missing, nil or negative: no timeout (0). */
int args_timeout(struct args *args, uint64_t *ret)
{
	int64_t ms;

	*ret = 0;
	if (!args->n)
		return 0;
	args->n--;
	if (mp_peek(&args->r) == MP_NIL)
		return mp_read_nil(&args->r);
	if (mp_read_int(&args->r, &ms) < 0 || ms > (int64_t)CHILD_SPEC_TIMEOUT_MAX_MS * 365)
		return -EPROTO;
	*ret = ms > 0 ? (uint64_t)ms : 0;
	return 0;
}

int args_wait(struct args *args, const char *const *words, const enum node_wait *waits, size_t n,
	enum node_wait *io_wait)
{
	const char *s;
	size_t len;

	if (!args->n)
		return 0;
	args->n--;
	if (mp_read_str(&args->r, &s, &len) < 0)
		return -EPROTO;
	for (size_t i = 0; i < n; i++)
		if (mp_str_is(s, len, words[i])) {
			*io_wait = waits[i];
			return 0;
		}
	return -EPROTO;
}

int bad_args(actor_from *from, const char *wanted)
{
	actor_reply_error(from, ERROR_BAD_ARGS, "wanted: %s", wanted);
	return 0;
}

/* Keeps the caller's address, so that a turn can answer. NULL: the caller was refused. */
actor_from *keep(struct supervisor *supervisor, actor_from *from)
{
	actor_from *kept = actor_from_keep(from);

	if (!kept)
		actor_reply_error(from, ERROR_OVERLOADED, "out of memory");
	else
		supervisor_need_turn(supervisor);
	return kept;
}
