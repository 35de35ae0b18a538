/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/view/copy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "libactor/protocol/mp.h"
#include "libactor/protocol/tap.h"
#include "tools/lib/json.h"

/* Reads a trace. nil: there is none, and *ret is not changed. */
static int copy_read_trace(struct mp_reader *r, struct wire_trace *ret)
{
	uint32_t n;

	if (mp_read_nil(r) == 0)
		return 0;
	return mp_read_array(r, &n) < 0 || n != 3 || mp_read_uint(r, &ret->id) < 0 ||
			       mp_read_uint(r, &ret->span) < 0 || mp_read_uint(r, &ret->parent) < 0
		       ? -EPROTO
		       : 0;
}

int copy_read(const actor_msg *msg, struct copy *ret)
{
	size_t size_bytes;
	const void *data = actor_msg_body(msg, &size_bytes);
	struct mp_reader r = mp_reader(data, size_bytes);
	uint64_t tap;
	uint32_t n;

	*ret = (struct copy){.to = ACTOR_NOBODY};
	if (mp_read_array(&r, &n) < 0 || n != 2 + TAP_COPY_REST_N || mp_read_uint(&r, &tap) < 0 ||
		mp_read_uint(&r, &ret->n_missed) < 0 || mp_read_int(&r, &ret->at_us) < 0 ||
		mp_read_str(&r, &ret->path.s, &ret->path.len) < 0 ||
		mp_read_str(&r, &ret->kind.s, &ret->kind.len) < 0 || mp_read_ref(&r, &ret->from) < 0)
		return -EPROTO;
	if (mp_read_ref(&r, &ret->to) < 0 && mp_read_str(&r, &ret->to_name.s, &ret->to_name.len) < 0)
		return -EPROTO;
	if (mp_read_nil(&r) < 0 && mp_read_str(&r, &ret->method.s, &ret->method.len) < 0)
		return -EPROTO;
	if (mp_read_uint(&r, &ret->id) < 0 || mp_read_uint(&r, &ret->body_bytes) < 0)
		return -EPROTO;
	if (mp_read_nil(&r) < 0 && mp_read_str(&r, &ret->text.s, &ret->text.len) < 0 &&
		mp_read_bin(&r, &ret->body, &ret->copied_bytes) < 0)
		return -EPROTO;
	return copy_read_trace(&r, &ret->trace);
}

json_t *copy_json_of(struct wire_str s)
{
	json_t *json = s.s ? json_stringn(s.s, s.len) : NULL;

	return json ? json : json_null();
}

json_t *copy_body(const struct copy *copy)
{
	json_t *body = copy->body ? json_body_read(copy->body, copy->copied_bytes) : copy_json_of(copy->text);

	return body ? body : json_null();
}

char *copy_id_format(uint64_t id, char text[COPY_ID_TEXT_MAX])
{
	snprintf(text, COPY_ID_TEXT_MAX, "%016" PRIx64, id);
	return text;
}
