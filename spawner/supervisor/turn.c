/* SPDX-License-Identifier: Apache-2.0 */
/* A turn: the state is written, then all that the node wants is done. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libactor/node/service.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/names.h"
#include "libactor/util/log.h"
#include "spawner/shared/proc.h"
#include "spawner/supervisor/supervisor.h"

static uint8_t child_input(const struct child *child)
{
	return !child->spec.input            ? KEEPER_INPUT_NULL
	       : child->spec.input[0] == '/' ? KEEPER_INPUT_FILE
					     : KEEPER_INPUT_PIPE;
}

static void do_spawn(struct supervisor *supervisor, uint64_t group)
{
	struct child *child = node_child_by_group(supervisor->node, group);
	char text[LAUNCH_TEXT_BYTES];
	union keeper_record record;
	int fd, err;

	if (!child)
		return;
	if (!child->daemon && node_is_full(supervisor->node, 0, text, sizeof(text))) {
		node_launch_failed(supervisor->node, group, EMFILE, text, supervisor_now_ns());
		return;
	}
	err = launch_seal(&supervisor->launch, child, &fd, text);
	if (err) {
		node_launch_failed(supervisor->node, group, -err, text, supervisor_now_ns());
		return;
	}
	supervisor_group_dir_make(supervisor, group);
	keeper_record_init(&record, KEEPER_SPAWN);
	record.spawn.cookie = record.spawn.group_id = group;
	record.spawn.flags = child->daemon ? KEEPER_SPAWN_DAEMON : 0;
	record.spawn.stdout_io = record.spawn.stderr_io = KEEPER_IO_PIPE;
	record.spawn.stdin_io = child_input(child);
	record.spawn.notify_fd = -1;
	snprintf(record.spawn.name, sizeof(record.spawn.name), "%.*s", (int)sizeof(record.spawn.name) - 1,
		child->name);
	supervisor_keeper_tell(supervisor, &record, fd);
}

static void do_term(struct supervisor *supervisor, uint64_t group, uint64_t grace_ms, int signo)
{
	union keeper_record record;

	keeper_record_init(&record, KEEPER_SIGNAL);
	record.signal.cookie = group;
	record.signal.signo = signo;
	record.signal.flags = KEEPER_SIGNAL_TREE | KEEPER_SIGNAL_STOP;
	record.signal.grace_ms = (uint32_t)grace_ms;
	supervisor_keeper_tell(supervisor, &record, -1);
}

static void do_signal(struct supervisor *supervisor, uint64_t group, int signo)
{
	union keeper_record record;

	keeper_record_init(&record, KEEPER_SIGNAL);
	record.signal.cookie = group;
	record.signal.signo = signo;
	supervisor_keeper_tell(supervisor, &record, -1);
}

static void do_kill_tree(struct supervisor *supervisor, uint64_t group)
{
	union keeper_record record;

	keeper_record_init(&record, KEEPER_KILL_TREE);
	record.kill_tree.cookie = group;
	supervisor_keeper_tell(supervisor, &record, -1);
}

void supervisor_kill_broker(struct supervisor *supervisor)
{
	const struct child *broker = node_broker(supervisor->node);

	if (!broker || broker->pid <= 0 || process_is_traced(broker->pid))
		return;
	log_warning("the broker (pid %d) does not answer for %" PRId64 " s: it is killed, and started again",
		(int)broker->pid, supervisor->hang_limit_ms / 1000);
	do_kill_tree(supervisor, broker->group);
}

static void do_ack(struct supervisor *supervisor, uint64_t group, uint64_t seq)
{
	union keeper_record record;

	keeper_record_init(&record, KEEPER_ACK);
	record.ack.group_id = group;
	record.ack.seq = seq;
	supervisor_keeper_tell(supervisor, &record, -1);
}

static void do_reserve(struct supervisor *supervisor, uint64_t n)
{
	union keeper_record record;

	keeper_record_init(&record, KEEPER_RESERVE);
	record.reserve.n = (uint32_t)n;
	supervisor_keeper_tell(supervisor, &record, -1);
}

static void do_reply(const struct node_action *action)
{
	if (action->error)
		actor_reply_error(action->from, action->error, "%s", action->text);
	else if (buf_error(&action->body) < 0 ||
		 actor_reply(action->from, "m", (const void *)action->body.data, action->body.size_bytes) < 0)
		actor_reply_error(action->from, ERROR_OVERLOADED, "the answer is too big");
}

static void do_group_down(struct supervisor *supervisor, const struct node_action *action)
{
	struct buf cause = BUF_INIT;
	int r;

	cause_put(&cause, &action->cause);
	r = buf_error(&cause);
	if (r == 0 && action->pid)
		r = service_cast_broker(supervisor->self, "group_down", "Umis", action->group,
			(const void *)cause.data, cause.size_bytes, action->pid, action->text);
	else if (r == 0)
		r = service_cast_broker(supervisor->self, "group_down", "Um", action->group,
			(const void *)cause.data, cause.size_bytes);
	if (r == 0)
		service_hand_over(supervisor->self, 0, action->number);
	buf_deinit(&cause);
}

/* Sends the notices of @client to their watchers, all of which are in that group. */
static void do_tell(struct supervisor *supervisor, uint64_t client)
{
	struct node_notice notice;
	uint64_t last = 0;

	while (node_next_notice(supervisor->node, client, &notice)) {
		service_send_down(supervisor->self, notice.watcher,
			(actor_ref){supervisor->node_id, notice.group, 0}, notice.id, notice.cause);
		last = notice.number;
	}
	if (last)
		service_hand_over(supervisor->self, client, last);
}

void supervisor_handed_over(
	struct supervisor *supervisor, uint64_t group, uint64_t number, bool ok, bool routed)
{
	/*
	 * A broker that has just been started does not know all groups yet, so it may have dropped notices
	 * that it should pass on.
	 */
	bool early = routed && supervisor_now_ns() - supervisor->broker_up_ns <
				       SUPERVISOR_WINDOW_MS * UINT64_C(1000000);

	if (!group) {
		if (ok)
			/* if it was not handed over, the next `groups` will tell the broker */
			node_broker_told(supervisor->node, number);
	} else if (ok && !early) {
		node_notices_handed(supervisor->node, group, number);
	} else {
		node_notices_lost(supervisor->node, group);
		if (!supervisor->again_is_due &&
			actor_send_after(supervisor->self, SUPERVISOR_AGAIN_MS, "tell_again", NULL, "") == 0)
			supervisor->again_is_due = true;
	}
	supervisor_need_turn(supervisor);
}

static void do_late(struct supervisor *supervisor, const struct node_action *action)
{
	switch (action->kind) {
	case NODE_RESERVE:
		do_reserve(supervisor, action->number);
		break;
	case NODE_SPAWN:
		do_spawn(supervisor, action->group);
		break;
	case NODE_TERM:
		do_term(supervisor, action->group, action->number, action->signo);
		break;
	case NODE_SIGNAL:
		do_signal(supervisor, action->group, action->signo);
		break;
	case NODE_KILL_TREE:
		do_kill_tree(supervisor, action->group);
		break;
	case NODE_ACK:
		do_ack(supervisor, action->group, action->number);
		break;
	case NODE_CLEAN:
		supervisor_group_dir_remove(supervisor, action->group);
		break;
	case NODE_OWNER_WATCH:
		supervisor_watch_owner(supervisor, action->number, action->watcher);
		break;
	case NODE_OWNER_UNWATCH:
		supervisor_owner_forget(supervisor, action->number);
		break;
	case NODE_REPLY:
		do_reply(action);
		break;
	case NODE_TELL:
		do_tell(supervisor, action->group);
		break;
	case NODE_GROUP_DOWN:
		do_group_down(supervisor, action);
		break;
	case NODE_STOPPED:
		supervisor->stopped = true;
		service_without_broker(supervisor->self);
		break;
	case NODE_LOG:
	case _NODE_ACTION_N:
		break;
	}
}

static void state_hand_over(struct supervisor *supervisor)
{
	union keeper_record record;
	int fd = fcntl(supervisor->state.fd, F_DUPFD_CLOEXEC, 3);

	if (fd < 0) {
		log_error("the state cannot be handed to the keeper: %s", strerror(errno));
		abort();
	}
	keeper_record_init(&record, KEEPER_STATE);
	supervisor_keeper_tell(supervisor, &record, fd);
}

static void state_write(struct supervisor *supervisor)
{
	static struct buf bytes;
	int r = 0;

	if (!node_state_is_dirty(supervisor->node))
		return;
	buf_reset(&bytes, 1 << 20);
	if (state_fits(&supervisor->state, 0)) {
		node_state_put_changes(supervisor->node, &bytes);
		if (!buf_error(&bytes) && state_fits(&supervisor->state, bytes.size_bytes)) {
			state_append(&supervisor->state, bytes.data, bytes.size_bytes);
			return;
		}
		buf_reset(&bytes, 1 << 20);
	}
	node_state_put_all(supervisor->node, &bytes);
	r = buf_error(&bytes);
	if (!r)
		r = state_snapshot(&supervisor->state, bytes.data, bytes.size_bytes);
	if (r == 1)
		state_hand_over(supervisor);
	if (r < 0) {
		log_error(
			"the state cannot be written: %s; processes started from now on may be adopted without it",
			strerror(-r));
		/* changes after a gap would be of no use, so the next write is a snapshot */
		supervisor->state.used_bytes = 0;
		node_state_not_written(supervisor->node);
	}
}

static void timer_arm(struct supervisor *supervisor)
{
	uint64_t deadline_ns = node_next_deadline(supervisor->node), now_ns = supervisor_now_ns();
	int64_t delay_ms;

	if (deadline_ns == supervisor->timer_ns && supervisor->timer)
		return;
	if (supervisor->timer)
		actor_timer_cancel(supervisor->self, supervisor->timer);
	supervisor->timer = 0;
	if (deadline_ns == SUPERVISION_NEVER)
		return;
	delay_ms = deadline_ns <= now_ns ? 0 : (int64_t)((deadline_ns - now_ns + 999999) / 1000000);
	supervisor->timer_ns = deadline_ns;
	if (actor_send_after(supervisor->self, delay_ms, "timer", &supervisor->timer, "") < 0)
		abort();
}

/*
 * Tells the broker of ends. Watchers hear of an end from the broker. So the broker is told before the logs
 * are written, before the keeper is told that it may forget the dead, and before the next life begins.
 */
static void ends_tell(struct supervisor *supervisor, struct list *late)
{
	bool told = false;

	while (!list_is_empty(late)) {
		struct node_action *action = container_of(late->next, struct node_action, link);

		if (action->kind != NODE_GROUP_DOWN)
			break;
		list_remove(&action->link);
		do_late(supervisor, action);
		node_action_free(action);
		told = true;
	}
	if (told)
		service_flush_broker(supervisor->self);
	outputs_settle(&supervisor->outputs);
}

void supervisor_turn(struct supervisor *supervisor)
{
	struct node_action *action;
	struct list late, *link;

	supervisor->turn_is_due = false;
	list_init(&late);
	/* a launch that fails at once leads to further actions, for which the state must be written again */
	do {
		while ((action = node_next_early(supervisor->node))) {
			log_info("%s", action->text);
			node_action_free(action);
		}
		state_write(supervisor);
		while ((action = node_next_late(supervisor->node)))
			list_append(&late, &action->link);
		link = late.next;
		ends_tell(supervisor, &late);
		while (!list_is_empty(&late)) {
			action = container_of(list_pop(&late), struct node_action, link);
			do_late(supervisor, action);
			node_action_free(action);
		}
	} while (link != &late);
	if (keeper_link_flush(&supervisor->keeper) == -EPIPE)
		supervisor_end_of_node(supervisor);
	supervisor_keeper_watch(supervisor);
	timer_arm(supervisor);
	if (supervisor->stopped)
		actor_stop(supervisor->self, actor_self(supervisor->self), "shutdown");
}

void supervisor_need_turn(struct supervisor *supervisor)
{
	if (supervisor->turn_is_due)
		return;
	supervisor->turn_is_due = true;
	if (actor_cast(supervisor->self, actor_to(actor_self(supervisor->self)), "turn", "") < 0)
		supervisor_turn(supervisor);
}
