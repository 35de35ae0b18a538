/* SPDX-License-Identifier: Apache-2.0 */
/* A service group: the functions of node/service.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/broker.h"
#include "libactor/actor/mailbox.h"
#include "libactor/actor/monitor.h"
#include "libactor/actor/post.h"
#include "libactor/base/base.h"
#include "libactor/group.h"
#include "libactor/message/msg.h"
#include "libactor/node/rendezvous.h"
#include "libactor/node/service.h"
#include "libactor/node/told.h"
#include "libactor/node/uplink.h"
#include "libactor/peer/peer.h"
#include "libactor/place/node-dirs.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/token.h"
#include "libactor/protocol/wire.h"
#include "libactor/transport/transport.h"
#include "libactor/util/buf.h"

int service_group_new(actor_group **ret, const struct service_options *options)
{
	struct token token;
	actor_group *group;
	int r;

	r = group_new(&group, ACTOR_JOIN_DIRECT, ACTOR_STACK_DEFAULT_BYTES);
	if (r < 0)
		return r;
	group->is_service = true;
	group->supervised = true;
	group->node = options->node;
	group->id = options->group;
	memcpy(group->key, options->key, sizeof(group->key));
	snprintf(group->name, sizeof(group->name), "%s", options->name);
	snprintf(group->broker_up_method, sizeof(group->broker_up_method), "%s",
		options->broker_up_method ? options->broker_up_method : "");
	snprintf(group->broker_down_method, sizeof(group->broker_down_method), "%s",
		options->broker_down_method ? options->broker_down_method : "");
	snprintf(group->client_gone_method, sizeof(group->client_gone_method), "%s",
		options->client_gone_method ? options->client_gone_method : "");
	snprintf(group->handed_over_method, sizeof(group->handed_over_method), "%s",
		options->handed_over_method ? options->handed_over_method : "");
	group->log = options->log;
	group->log_arg = options->log_arg;
	r = token_make(&token, options->key, options->group, options->name);
	if (r == 0) {
		memcpy(group->token, token.bytes, token.size_bytes);
		group->token_bytes = token.size_bytes;
		r = runtime_dir_resolve(options->runtime_dir, group->runtime_dir);
	}
	if (r == 0)
		r = group_check_runtime_dir(group);
	if (r == 0)
		r = rendezvous_start(group);
	if (r == 0)
		r = server_listen(group->transport, options->listen_path, group, &group->server);
	if (r < 0) {
		actor_group_free(group);
		return r;
	}
	uplink_start(group);
	*ret = group;
	return 0;
}

void service_without_broker(actor *self)
{
	self->group->uplink.gone = true;
}

int service_send_down(
	actor *self, actor_ref watcher, actor_ref who, uint64_t id, const struct actor_cause *cause)
{
	actor_group *group = self->group;

	if (watcher.node != group->node)
		return -ESRCH;
	if (watcher.group == group->id)
		monitor_down_received(group, id, who, cause);
	else
		/*
		 * The watcher may have asked our predecessor, so we may have no link with it. A `down`
		 * that goes through the broker is lost if the broker dies now, so a direct link is made.
		 * A client of the supervisor can have no other link.
		 */
		watcher_tell(group, watcher, who, id, cause, !group_is_of_supervisor(watcher.group));
	return 0;
}

static void broker_lives(struct broker_request *request, int error, actor_msg *reply)
{
	struct actor *service = actor_find(request->group, 1);
	actor_msg *msg;

	if (error != 0 && error != -EREMOTEIO) /* an error is an answer, too */
		return;
	if (service &&
		msg_new_received(&msg, group_ref(request->group, 0), wire_cstr(request->arg), NULL, 0) == 0) {
		msg->kind = MSG_CAST;
		mailbox_push(service, msg);
	}
}

int service_ping_broker(actor *self, const char *answered, int64_t timeout_ms)
{
	struct buf args = BUF_INIT;
	int r;

	mp_put_array(&args, 0);
	r = broker_ask(self->group, "stats", &args, timeout_ms, broker_lives, (void *)answered);
	buf_deinit(&args);
	return r;
}

bool service_broker_is_silent(const actor *self)
{
	const struct uplink *uplink = &self->group->uplink;

	return uplink->state != UPLINK_UP &&
	       (uplink->last_error == -ETIMEDOUT || uplink->last_error == -ECONNREFUSED ||
		       uplink->last_error == -ENOENT);
}

int service_cast_broker(actor *self, const char *method, const char *format, ...)
{
	actor_group *group = self->group;
	struct wire_dest to = {.ref = group->uplink.service};
	va_list args;
	int r;

	if (group->uplink.state != UPLINK_UP)
		return -ENOTCONN;
	va_start(args, format);
	r = body_vpack_alone(&group->scratch, BODY_ARGS, format, args);
	va_end(args);
	return r < 0 ? r
		     : send_cast(group, self, &to, wire_cstr(method), group->scratch.data,
			       group->scratch.size_bytes);
}

void service_flush_broker(actor *self)
{
	const struct peer *peer = self->group->uplink.peer;

	if (peer && peer->pipe)
		pipe_flush(peer->pipe);
}
