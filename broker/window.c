/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/window.h"

#include "broker/member.h"
#include "broker/state.h"

#define LATE_LENGTHS 4 /* the wait for names of late groups is so many times the window's length */

void window_init(struct window *window, int64_t length_ns, int64_t now_ns)
{
	*window = (struct window){.length_ns = length_ns, .deadline_ns = now_ns + length_ns};
	list_init(&window->waiting);
	if (length_ns <= 0)
		window->state = WINDOW_CLOSED;
}

int window_wait(struct member *member, const struct wire_frame *frame, bool routed)
{
	return waits_add(member, &member->broker->window.waiting, frame, routed);
}

/* ---- groups ---- */

void window_await(struct member *member)
{
	struct window *window = &member->broker->window;

	if (member->awaited || !window_holds_names(window))
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

bool window_is_due(const struct broker *broker)
{
	const struct window *window = &broker->window;

	return window_holds_names(window) &&
	       (broker->now_ns >= window->deadline_ns ||
		       (window->state != WINDOW_SUPERVISOR && !window->n_awaited));
}

static void forget_awaited(struct hash_node *node, void *arg)
{
	window_came(container_of(node, struct member, node));
}

void window_go_on(struct broker *broker)
{
	struct window *window = &broker->window;

	if (window->state == WINDOW_GROUPS) {
		window->state = WINDOW_LATE;
		window->deadline_ns = broker->now_ns + LATE_LENGTHS * window->length_ns;
		return;
	}
	/* the groups are late, or no supervisor has said which groups live */
	broker_log(broker, window->n_awaited ? LOG_WARNING : LOG_DEBUG,
		"recovery is over: %zu groups did not announce themselves, %zu requests waited",
		window->n_awaited, broker->waits.n);
	window->state = WINDOW_CLOSED;
	hash_each(&broker->members, forget_awaited, NULL);
}
