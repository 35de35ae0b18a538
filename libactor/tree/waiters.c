/* SPDX-License-Identifier: Apache-2.0 */
/* Callers whose commands are answered later: when the child has started, or has ended. */
#include <errno.h>
#include <stdlib.h>

#include "libactor/protocol/names.h"
#include "libactor/tree/tree.h"

int waiter_add(struct child *child, actor_from *from, bool for_start)
{
	struct waiter *waiter = malloc(sizeof(*waiter));

	if (!waiter)
		return -ENOMEM;
	waiter->from = actor_from_keep(from);
	if (!waiter->from) {
		free(waiter);
		return -ENOMEM;
	}
	waiter->for_start = for_start;
	list_append(&child->waiters, &waiter->link);
	return 0;
}

/* The number is for client.c, which returns it to the program. The text is for people. */
void answer_failed(actor_from *from, int r, const struct actor_cause *cause)
{
	(void)actor_reply_error(from, "start_failed", "errno=%d; %s; %s", -r, cause ? cause->reason : "?",
		cause ? cause->text : "");
}

void waiters_answer_start(struct child *child, int r)
{
	list_for_each_safe(it, &child->waiters) {
		struct waiter *waiter = container_of(it, struct waiter, link);

		if (!waiter->for_start)
			continue;
		if (r < 0)
			answer_failed(waiter->from, r, child->cause);
		else if (actor_ref_is_nobody(child->who))
			(void)actor_reply(waiter->from, "n");
		else
			(void)actor_reply(waiter->from, "r", child->who);
		actor_from_free(waiter->from);
		list_remove(&waiter->link);
		free(waiter);
	}
}

void waiters_answer_stop(struct child *child)
{
	list_for_each_safe(it, &child->waiters) {
		struct waiter *waiter = container_of(it, struct waiter, link);

		if (waiter->for_start)
			continue;
		(void)actor_reply(waiter->from, "");
		actor_from_free(waiter->from);
		list_remove(&waiter->link);
		free(waiter);
	}
}
