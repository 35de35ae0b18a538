/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers the call `$describe` (docs/protocol.md §3) with the table of the actor's behavior, for people and
 * tools.
 */
#include "libactor/actor/actor-internal.h"
#include "libactor/actor/answer.h"
#include "libactor/actor/call.h"
#include "libactor/actor/limits.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"
#include "libactor/util/buf.h"

static void method_put(struct buf *out, const struct actor_method *method)
{
	mp_put_map(out, 5);
	mp_put_cstr(out, "name");
	mp_put_cstr(out, method->name);
	mp_put_cstr(out, "call");
	mp_put_bool(out, method->on_call != NULL);
	mp_put_cstr(out, "cast");
	mp_put_bool(out, method->on_cast != NULL);
	mp_put_cstr(out, "args");
	mp_put_cstr(out, method->args);
	mp_put_cstr(out, "doc");
	mp_put_cstr(out, method->doc);
}

int actor_describe(const struct actor *self, struct actor_from *from)
{
	const struct actor_method *methods = self->behavior->methods;
	struct buf out = BUF_INIT;
	uint32_t n = 0;
	int r;

	while (methods && methods[n].name)
		n++;
	mp_put_map(&out, 4);
	mp_put_cstr(&out, "behavior");
	mp_put_cstr(&out, self->behavior->name);
	mp_put_cstr(&out, "others"); /* true: it takes more methods than the table has */
	mp_put_bool(&out, self->behavior->on_other != NULL);
	mp_put_cstr(&out, "methods");
	mp_put_array(&out, n);
	for (uint32_t i = 0; i < n; i++)
		method_put(&out, &methods[i]);
	mp_put_cstr(&out, "mailbox");
	limits_put(&out, self);
	r = buf_error(&out);
	r = r < 0 ? actor_reply_error(from, ERROR_OVERLOADED, "no memory")
		  : actor_reply(from, "m", (const void *)out.data, out.size_bytes);
	buf_deinit(&out);
	return r;
}
