#include "window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "member.h"

struct waiting {
	struct list all;     /* window.waiting */
	struct list by_member; /* member.waiting */
	struct member *member;
	bool routed;
	size_t size_bytes;
	uint8_t bytes[];
};

void window_init(struct window *window, int64_t length_ns, int64_t now_ns)
{
	*window = (struct window){.length_ns = length_ns, .deadline_ns = now_ns + length_ns};
	list_init(&window->waiting);
	if (length_ns <= 0)
		window->state = WINDOW_CLOSED;
}

/* ---- frames ----------------------------------------------------------------------------------------------------- */

int window_wait(struct member *member, const struct wire_frame *frame, bool routed)
{
	struct window *window = &member->broker->window;
	struct waiting *waiting;

	if (!quota_take(member, QUOTA_WAITING, sizeof(*waiting) + frame->raw_bytes))
		return -EDQUOT;
	waiting = malloc(sizeof(*waiting) + frame->raw_bytes);
	if (!waiting) {
		quota_give(member, QUOTA_WAITING, sizeof(*waiting) + frame->raw_bytes);
		return -ENOMEM;
	}
	*waiting = (struct waiting){.member = member, .routed = routed, .size_bytes = frame->raw_bytes};
	memcpy(waiting->bytes, frame->raw, frame->raw_bytes);
	list_append(&window->waiting, &waiting->all);
	list_append(&member->waiting, &waiting->by_member);
	window->n_waiting++;
	member->n_waiting_routed += routed;
	return 0;
}

static void waiting_unlink(struct waiting *waiting)
{
	list_remove(&waiting->all);
	list_remove(&waiting->by_member);
	waiting->member->broker->window.n_waiting--;
	waiting->member->n_waiting_routed -= waiting->routed;
	quota_give(waiting->member, QUOTA_WAITING, sizeof(*waiting) + waiting->size_bytes);
}

void window_forget(struct member *member)
{
	list_for_each_safe(it, &member->waiting) {
		struct waiting *waiting = container_of(it, struct waiting, by_member);

		waiting_unlink(waiting);
		free(waiting);
	}
}

/* ---- groups ----------------------------------------------------------------------------------------------------- */

void window_await(struct member *member)
{
	struct window *window = &member->broker->window;

	if (member->awaited || !window_is_open(window))
		return;
	member->awaited = true;
	window->n_awaited++;
}

void window_came(struct member *member)
{
	if (!member->awaited)
		return;
	member->awaited = false;
	member->broker->window.n_awaited--;
}

void window_listed(struct broker *broker)
{
	struct window *window = &broker->window;

	if (window->state != WINDOW_SUPERVISOR)
		return;
	window->state = WINDOW_GROUPS;
	window->deadline_ns = broker->now_ns + window->length_ns;
}

/* Who has not come by now counts as new. */
static void give_up_absent(struct hash_node *node, void *arg)
{
	struct member *member = container_of(node, struct member, node);
	struct actor_cause cause = cause_make("noconnection");

	member->awaited = false;
	if (member->state != MEMBER_ABSENT)
		return;
	if (introductions_is_monitored(member)) {
		member_end(member, &cause);
	} else if (!member->listed) {
		introductions_end(member, NULL);
		member_forget(member);
	}
}

static void window_close(struct broker *broker)
{
	struct window *window = &broker->window;
	struct list *next;

	broker_log(broker, window->n_awaited ? LOG_WARNING : LOG_DEBUG,
		"recovery is over: %zu groups did not announce themselves, %zu requests waited", window->n_awaited,
		window->n_waiting);
	window->state = WINDOW_CLOSED;
	window->n_awaited = 0;
	hash_each(&broker->members, give_up_absent, NULL);

	while ((next = list_pop(&window->waiting))) {
		struct waiting *waiting = container_of(next, struct waiting, all);
		struct wire_frame frame;
		size_t used;

		waiting_unlink(waiting);
		if (!waiting->member->doomed && wire_parse(waiting->bytes, waiting->size_bytes, &frame, &used) == 1)
			broker_frame(broker, waiting->member, &frame);
		free(waiting);
	}
}

void window_tick(struct broker *broker)
{
	struct window *window = &broker->window;

	if (window->state == WINDOW_CLOSED)
		return;
	if (broker->now_ns >= window->deadline_ns || (window->state == WINDOW_GROUPS && !window->n_awaited))
		window_close(broker);
}
