#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/actor/call.h"
#include "libactor/loop/timer.h"
#include "libactor/transport/transport.h"
#include "libactor/util/buf.h"
#include "libactor/util/list.h"

/* Something asked of the broker by the runtime itself; idempotent, so it is asked again after a lost link. */
struct uplink_request {
	struct list link;
	actor_group *group;
	struct call call;
	bool in_flight;
	struct timer timer;
	struct buf args;
	char method[24];
	/* Exactly once, then freed. error 0 or -EREMOTEIO: reply is borrowed. -ETIMEDOUT, -ENOTCONN */
	void (*done)(struct uplink_request *request, int error, actor_msg *reply);
	void *arg;
};

int uplink_init(actor_group *group);
void uplink_start(actor_group *group);
void uplink_stop(actor_group *group);
void uplink_turn(actor_group *group); /* once a turn: announces after the link came up */
void uplink_answer(actor_group *group, const struct transport_event *event);
void uplink_link_up(actor_group *group);
bool uplink_is_hopeless(const actor_group *group); /* the first connection will not come about */
void uplink_tell_ready(actor_group *group);
void uplink_link_down(actor_group *group, int error);
/* take_args: an args array. */
int uplink_ask(actor_group *group, const char *method, struct buf *take_args, int64_t timeout_ms,
	void (*done)(struct uplink_request *request, int error, actor_msg *reply), void *arg);
/* What the broker must know even if it is away now: a call, made again until it is answered. So it may come late, and twice. */
void uplink_tell_surely(actor_group *group, const char *method, const char *format, ...);
/* Same, and waits (parks @self or pumps). -EEXIST for in_use, else as actor_call. */
int uplink_ask_wait(actor_group *group, struct actor *self, const char *method, struct buf *take_args, int64_t timeout_ms, actor_msg **ret_msg);
