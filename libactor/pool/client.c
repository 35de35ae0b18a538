/* SPDX-License-Identifier: Apache-2.0 */
/* C functions that give jobs to a pool. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/overload.h"
#include "actor/pool.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/mp.h"
#include "libactor/util/buf.h"

static void put_options(struct buf *out, const struct actor_pool_job *job)
{
	uint32_t n = (job->priority != 0) + (job->ttl_ms > 0) + (job->limit_ms > 0) + (job->retries != 0) +
		     job->keep;

	mp_put_map(out, n);
	if (job->priority) {
		mp_put_cstr(out, "priority");
		mp_put_int(out, job->priority);
	}
	if (job->ttl_ms > 0) {
		mp_put_cstr(out, "ttl_ms");
		mp_put_int(out, job->ttl_ms);
	}
	if (job->limit_ms > 0) {
		mp_put_cstr(out, "limit_ms");
		mp_put_int(out, job->limit_ms);
	}
	if (job->retries) {
		mp_put_cstr(out, "retries");
		mp_put_uint(out, job->retries == ACTOR_POOL_NONE ? 0 : job->retries);
	}
	if (job->keep) {
		mp_put_cstr(out, "keep");
		mp_put_bool(out, true);
	}
}

/* Packs "[key, method, args, options]". */
static int job_pack(actor_msg **ret, const struct actor_pool_job *job, const char *format, va_list args)
{
	struct buf out = BUF_INIT;
	char array[512];
	int r;

	*ret = NULL;
	if (!job || !job->method || job->ttl_ms < 0 || job->limit_ms < 0)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(job->reserved) / sizeof(job->reserved[0]); i++)
		if (job->reserved[i])
			return -E2BIG;
	if (snprintf(array, sizeof(array), "[%s]", format ? format : "") >= (int)sizeof(array))
		return -EINVAL;
	r = actor_msg_new(ret);
	if (r < 0)
		return r;
	mp_put_array(&out, 4);
	mp_put_cstr(&out, job->key);
	mp_put_cstr(&out, job->method);
	if (buf_error(&out) == 0)
		r = body_vpack_bare(&out, array, args);
	put_options(&out, job);
	if (r == 0)
		r = buf_error(&out);
	if (r == 0)
		r = actor_msg_write(*ret, (const char *)out.data, out.size_bytes);
	buf_deinit(&out);
	if (r < 0)
		*ret = actor_msg_free(*ret);
	return r;
}

int actor_pool_call(actor *self, actor_dest pool, const struct actor_pool_job *job, int64_t timeout_ms,
	actor_msg **ret_msg, const char *format, ...)
{
	actor_msg *msg;
	va_list args;
	int r;

	if (ret_msg)
		*ret_msg = NULL;
	va_start(args, format);
	r = job_pack(&msg, job, format, args);
	va_end(args);
	if (r == 0)
		r = actor_call_msg(self, pool, "job", timeout_ms, &msg, ret_msg);
	actor_msg_free(msg);
	return r;
}

int actor_pool_submit(actor *self, actor_dest pool, const struct actor_pool_job *job, int64_t timeout_ms,
	uint64_t *ret_id, actor_msg **ret_msg, const char *format, ...)
{
	actor_msg *msg, *reply = NULL;
	va_list args;
	int r;

	va_start(args, format);
	r = job_pack(&msg, job, format, args);
	va_end(args);
	if (r == 0)
		r = actor_call_msg(self, pool, "submit", timeout_ms, &msg, &reply);
	if (r == 0 && ret_id)
		r = actor_msg_unpack(reply, "U", ret_id);
	actor_msg_free(msg);
	if (ret_msg)
		*ret_msg = reply;
	else
		actor_msg_free(reply);
	return r;
}

int actor_pool_cast(actor *self, actor_dest pool, const struct actor_pool_job *job, const char *format, ...)
{
	actor_msg *msg;
	va_list args;
	int r;

	va_start(args, format);
	r = job_pack(&msg, job, format, args);
	va_end(args);
	if (r == 0)
		r = actor_cast_msg(self, pool, "job", &msg);
	actor_msg_free(msg);
	return r;
}

int64_t actor_pool_retry_ms(const actor_msg *reply)
{
	return actor_msg_retry_ms(reply);
}
