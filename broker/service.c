/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/service.h"

#include <errno.h>

#include "broker/answer.h"
#include "broker/member.h"
#include "broker/state.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"

/* ---- the table ---- */

static const struct method {
	const char *name;
	int (*run)(struct member *member, const struct wire_frame *frame, struct mp_reader *args,
		uint32_t n_args);
	bool cast;    /* a cast; malformed arguments end the sender's pipe, since a cast has no answer */
	bool spawner; /* only the supervisor may use it */
} methods[] = {
	{"register", method_register},
	{"register_all", method_register_all},
	{"replace", method_replace},
	{"unregister", method_unregister},
	{"unregister_all", method_unregister_all},
	{"whereis", method_whereis},
	{"names", method_names},
	{"names_watch", method_names_watch},
	{"names_unwatch", method_names_unwatch},
	{"introduce", method_introduce},
	{"admit", method_admit},
	{"announce", method_announce},
	{"announced", method_announced},
	{"ready", method_ready},
	{"stats", method_stats},
	{"quota", method_quota},
	{"metrics", method_metrics},
	{"pg_join", method_pg_join},
	{"pg_leave", method_pg_leave},
	{"pg_leave_all", method_pg_leave_all},
	{"pg_members", method_pg_members},
	{"pg_groups", method_pg_groups},
	{"pg_scopes", method_pg_scopes},
	{"pg_watch", method_pg_watch},
	{"pg_unwatch", method_pg_unwatch},
	{"pg_pick", method_pg_pick},
	{"tap", method_tap},
	{"untap", method_untap},
	{METHOD_TAPPED, cast_tapped, .cast = true},
	{METHOD_PG_CAST, cast_pg_cast, .cast = true},
	{"listening", cast_listening, .cast = true},
	{"introduce_failed", cast_introduce_failed, .cast = true},
	{"link_down", cast_link_down, .cast = true},
	{"door", cast_door, .cast = true},
	{"groups", cast_groups, .cast = true, .spawner = true},
	{"group_down", cast_group_down, .cast = true, .spawner = true},
};

static const struct method *method_find(struct wire_str name)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (mp_str_is(name.s, name.len, methods[i].name))
			return &methods[i];
	}
	return NULL;
}

static void run(struct member *member, const struct wire_frame *frame)
{
	const struct method *method = method_find(frame->method);
	struct mp_reader args = mp_reader(frame->body, frame->body_bytes);
	uint32_t n;

	if (!method) {
		answer_refuse(member, frame, ERROR_NO_METHOD, "the broker has no such method");
		member->broker->count.dropped += frame->type == WIRE_CAST;
		return;
	}
	if (method->spawner && !member->is_spawner) {
		answer_refuse(member, frame, ERROR_PERMISSION, "only the node's supervisor says that");
		if (frame->type == WIRE_CAST)
			member_doom(member, true, "cast %s is for the supervisor alone", method->name);
		return;
	}
	if (mp_read_array(&args, &n) == 0 && method->run(member, frame, &args, n) == 0) {
		if (method->cast)
			answer_done(member, frame);
		return;
	}
	answer_refuse(member, frame, ERROR_BAD_ARGS, "see docs/protocol.md section 4");
	if (frame->type == WIRE_CAST)
		member_doom(member, true, "malformed arguments of cast %s", method->name);
}

void service_frame(struct broker *broker, struct member *member, const struct wire_frame *frame)
{
	bool ours = frame->to.name.s || frame->to.ref.serial == BROKER_SERVICE_SERIAL ||
		    frame->to.ref.serial == 0;
	struct actor_cause cause;

	switch (frame->type) {
	case WIRE_CAST:
	case WIRE_CALL:
		if (ours)
			run(member, frame);
		else
			answer_refuse(member, frame, ERROR_NOPROC, "no such actor in the broker");
		break;
	case WIRE_MONITOR:
		/*
		 * Nothing to do for the broker itself: a group that monitors the broker sees the end of this
		 * pipe when the broker ends.
		 */
		if (!ours) {
			struct buf *body = broker_body(broker);

			cause = cause_make(ERROR_NOPROC);
			cause_put(body, &cause);
			wire_put_down(member_out(member), frame->from, frame->to.ref, frame->id, body->data,
				body->size_bytes);
			member_written(member);
		}
		break;
	default:
		broker->count.dropped++;
	}
}

bool service_frame_of_ended(struct broker *broker, const struct wire_frame *frame)
{
	if (frame->type != WIRE_CAST || !mp_str_is(frame->method.s, frame->method.len, METHOD_PG_CAST) ||
		!(frame->to.name.s ? mp_str_is(frame->to.name.s, frame->to.name.len, NAME_BROKER)
				   : actor_ref_equal(frame->to.ref, broker->self)))
		return false;
	service_pg_cast(broker, NULL, frame);
	return true;
}
