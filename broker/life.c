/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a group comes, loses its pipe, and ends. From here each part of the broker that keeps something about a
 * group is told. When a group ends, its names become free before anything else.
 */
#include "broker/life.h"

#include <assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/member.h"
#include "broker/state.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"

void member_forget(struct member *member)
{
	struct broker *broker = member->broker;

	window_came(member);
	pauses_forget(member);
	if (member->pipe)
		broker_pipe_close(member->pipe);
	if (broker->spawner == member)
		broker->spawner = NULL;
	member_disarm(member);
	list_remove(&member->doomed_node);
	member_forget_parked(member);
	member->doomed = true; /* nothing is written to it from here on */
	hash_remove(&broker->members, &member->node);
	list_append(&broker->forgotten, &member->doomed_node);
}

void members_free_forgotten(struct broker *broker)
{
	struct list *it;

	while ((it = list_pop(&broker->forgotten))) {
		struct member *member = container_of(it, struct member, doomed_node);

		/* a charge that is left would make the shares of others smaller for ever */
		assert(quota_is_unused(&member->quota));
		free(member->door);
		free(member);
	}
}

void member_up(struct member *member)
{
	struct broker *broker = member->broker;
	struct actor_cause replaced = cause_make(ERROR_NOCONNECTION);

	member->state = MEMBER_UP;
	member_disarm(member);
	if (member->is_spawner) {
		if (broker->spawner && broker->spawner != member)
			/* the supervisor that came last is the only one */
			member_end(broker->spawner, &replaced);
		broker->spawner = member;
	}
	routes_relink(member);
	registry_back(member);
	member->was_up = true;
	pauses_up(member);
	member_tell_spawner(member);
	introductions_came(member);
	taps_came(member);
}

void member_lost(struct member *member, const char *why)
{
	struct actor_cause cause = cause_make(ERROR_NOCONNECTION);

	if (member->pipe)
		broker_pipe_close(member->pipe);
	if (member->exited) {
		cause = member->cause;
		member_end(member, &cause);
		return;
	}
	if (member->left)
		cause = member->cause;
	else
		snprintf(cause.text, sizeof(cause.text), "link ended: %s", why);
	/*
	 * a client ends at once; so does the supervisor, since nobody reports its exit and the next one needs
	 * the name `$spawner`
	 */
	if (!member_is_supervised(member) || member->is_spawner) {
		member_end(member, &cause);
		return;
	}
	if (!member->left)
		member->cause = cause;
	if (member->left)
		window_came(member); /* a group that did not say bye may still announce itself */
	pauses_forget(member);
	member_forget_parked(member); /* lost like the frames that the pipe still had */
	member->top_bytes = 0;
	member->state = MEMBER_LOST;
	member->epoch++;
	member_arm(member);
}

void member_leave(struct member *member, struct wire_str reason)
{
	char text[sizeof(member->cause.reason)] = "normal";

	if (reason.len && wire_name_is_valid(reason.s, reason.len))
		snprintf(text, sizeof(text), "%.*s", (int)reason.len, reason.s);
	member->left = true;
	if (!member->exited)
		member->cause = cause_make(text);
	broker_pipe_farewell(member->pipe, "normal");
	member_lost(member, "bye");
}

void member_exited(struct member *member, const struct actor_cause *cause)
{
	struct actor_cause copy = *cause;

	if (member->state != MEMBER_UP) {
		member_end(member, &copy);
		return;
	}
	if (member->exited)
		return;
	member->cause = copy;
	member->exited = true;
	member_arm(member); /* for one grace the last frames of the group are still read */
}

void member_expired(struct member *member)
{
	struct actor_cause cause = member->cause;

	if (!member->left && !member->exited && member_lives_by_kernel(member)) {
		member_arm(member);
		return;
	}
	/*
	 * A process may live on after its pipe ended: it may be stopped or busy. Only the supervisor knows
	 * whether it lives. If the supervisor is away now, the next supervisor will say it. Nobody reports
	 * the end of a supervisor itself. So an old supervisor is over when another one is up.
	 */
	if (member_is_supervised(member) && !member->left && !member->exited && member->broker->supervised &&
		!(member->is_spawner && member->broker->spawner)) {
		member_disarm(member);
		if (!member_is_in_doubt(member))
			registry_back(member);
		return;
	}
	member_end(member, &cause);
}

void member_end(struct member *member, const struct actor_cause *cause)
{
	struct broker *broker = member->broker;
	struct buf notice = BUF_INIT;
	char who[MEMBER_WHO_MAX];

	if (member->pipe)
		broker_pipe_close(member->pipe);
	member->state = MEMBER_LOST;
	member->doomed = true; /* nothing is written to it from here on */
	if (broker->spawner == member)
		broker->spawner = NULL;
	broker_log(broker, member_is_supervised(member) ? LOG_INFO : LOG_DEBUG, "%s ended: %s%s%s",
		member_who(member, who), cause->reason, cause->text[0] ? ": " : "", cause->text);
	broker->count.ended++;
	broker_bury(broker, member, cause);

	registry_release(member);
	pgs_release(member);
	waits_leave(member); /* before its watches end, since its frames may wait at names that it watches */
	registry_unwatch(member);
	name_watches_end(member);
	pgs_unwatch_all(member);
	taps_forget(member);
	pauses_forget(member);

	mp_put_array(&notice, 2);
	mp_put_uint(&notice, member->group);
	cause_put(&notice, cause);
	member->mark = ++broker->mark;
	routes_end(member, cause, &notice);
	introductions_end(member, &notice);
	buf_deinit(&notice);
	if (!member_is_supervised(member))
		/* the directory of a supervised group is removed by the supervisor */
		broker->ops.group_gone(broker->arg, member->group);
	member_tell_spawner_gone(broker, member->group);
	member_forget(member);
}

/* Does for one member what members_give_up_absent() says. A late member is MEMBER_LOST from then on. */
static void give_up_absent(struct hash_node *node, void *arg)
{
	struct member *member = container_of(node, struct member, node);
	struct actor_cause cause = cause_make(ERROR_NOCONNECTION);

	if (member->state != MEMBER_ABSENT)
		return;
	if (member->listed && (member->speaks || !list_is_empty(&member->pairs))) {
		member->cause = cause;
		member->state = MEMBER_LOST;
		window_await(member); /* requests about names wait for it */
	} else if (member_lives_by_kernel(member)) {
		member->cause = cause;
		member->state = MEMBER_LOST;
		member_arm(member); /* nobody reports its end, so the broker looks again after each grace */
		if (member->doorless)
			/* it may have been awaited, since the supervisor keeps something for it */
			window_came(member);
		else
			window_await(member);
	} else if (introductions_is_monitored(member) || member->kept) {
		member_end(member, &cause);
	} else if (!member->listed) {
		introductions_end(member, NULL);
		member_forget(member);
	} else {
		window_came(member);
	}
}

void members_give_up_absent(struct broker *broker)
{
	hash_each(&broker->members, give_up_absent, NULL);
}
