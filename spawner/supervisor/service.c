/* SPDX-License-Identifier: Apache-2.0 */
/* `$spawner`: its table of methods. */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "libactor/node/service.h"
#include "libactor/protocol/names.h"
#include "libactor/util/log.h"
#include "spawner/supervisor/args.h"

static int on_other(actor *self, const actor_msg *msg, actor_from *from)
{
	if (from)
		actor_reply_error(from, ERROR_NO_METHOD, "$spawner has no method %s", actor_msg_method(msg));
	return 0;
}

static int init(actor *self, const void *arg)
{
	struct supervisor *supervisor = *(struct supervisor *const *)arg;
	int r;

	*(struct supervisor **)actor_state(self) = supervisor;
	supervisor->self = self;
	r = actor_watch_fd(self, supervisor->outputs.epoll_fd, POLLIN, "io");
	if (r < 0)
		return r;
	r = actor_send_after(self, supervisor->hang_limit_ms / KEEPER_HANG_LOOKS, "broker_look", NULL, "");
	if (r < 0)
		return r;
	r = actor_send_after(self, SUPERVISOR_READY_MS, "broker_late", NULL, "");
	if (r < 0)
		return r;
	if (!node_broker(supervisor->node))
		supervisor_tell_ready(supervisor); /* this node has no broker to wait for */
	supervisor_need_turn(supervisor);
	return 0;
}

static const struct actor_method methods[] = {
	{"spawn", on_spawn, NULL, "spec:map wait:none|up|ready|exit timeout_ms:int", "starts a process"},
	{"stop", on_stop, NULL, "name:str wait:bool", "TERM to the whole tree, grace, KILL; it stays down"},
	{"start", on_start, NULL, "name:str wait:bool", "starts one that is down"},
	{"restart", on_restart, NULL, "name:str wait:bool", "stops it, then starts it"},
	{"set", on_set, NULL, "name:str changes:map", "changes its spec, and starts it again if it must"},
	{"kill", on_kill, NULL, "name:str signal:int", "sends a signal; 9 goes to the whole tree"},
	{"rm", on_rm, NULL, "name:str force:bool", "forgets one that is down"},
	{"ls", on_ls, NULL, "[name:str]", "all processes"},
	{"explain", on_explain, NULL, "name:str", "why a process is in its state, and what comes next"},
	{"status", on_status, NULL, "", "the node"},
	{"wait", on_wait, NULL, "name:str condition:up|ready|down timeout_ms:int",
		"waits for a process to get there"},
	{"monitor", on_monitor, NULL, "group:int watcher:ref id:int", "one `down` when that process ends"},
	{"demonitor", on_demonitor, on_demonitor_cast, "watcher:ref id:int", "no `down` any more"},
	{"down", on_down_verb, NULL, "", "ends the node in order"},
	{"logs", on_logs, NULL, "name:str", "where the log is"},
	{"input", on_input, NULL, "name:str [eof:bool]",
		"where its stdin can be written to, or the end of that"},
	{.name = "turn", .on_cast = on_turn},
	{.name = "io", .on_cast = on_io},
	{.name = "timer", .on_cast = on_timer},
	{.name = "broker_up", .on_cast = on_broker_up},
	{.name = "broker_look", .on_cast = on_broker_look},
	{.name = "broker_lives", .on_cast = on_broker_lives},
	{.name = "broker_down", .on_cast = on_broker_down},
	{.name = "tell_again", .on_cast = on_tell_again},
	{.name = "dirs", .on_cast = on_dirs},
	{.name = "handed_over", .on_cast = on_handed_over},
	{.name = "client_gone", .on_cast = on_client_gone},
	{.name = "broker_late", .on_cast = on_broker_late},
	{.name = "group_ready", .on_cast = on_group_ready},
	{.name = "group_gone", .on_cast = on_group_gone},
	{.name = "group_hello", .on_cast = on_group_hello},
	{.name = "watch_owner", .on_cast = on_watch_owner},
	{0},
};

const struct actor_behavior supervisor_behavior = {
	.name = "spawner",
	.state_size = sizeof(struct supervisor *),
	.methods = methods,
	.init = init,
	.on_down = on_owner_down,
	.on_other = on_other,
	.mailbox_max_messages = 65536,
	.mailbox_max_bytes = 64u << 20,
};
