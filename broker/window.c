#include "broker/window.h"

#include "broker/broker.h"
#include "broker/member.h"

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

/* Who has not come by now: one that lives by the supervisor's or the kernel's word is late, and what is for it waits; of another nothing is known, so it counts as gone. */
static void give_up_absent(struct hash_node *node, void *arg)
{
	struct member *member = container_of(node, struct member, node);
	struct actor_cause cause = cause_make("noconnection");

	member->awaited = false;
	if (member->state != MEMBER_ABSENT)
		return;
	if (member->listed && (member->speaks || !list_is_empty(&member->pairs))) {
		member->cause = cause;
		member->state = MEMBER_LOST;
	} else if (member_is_client_alive(member)) {
		member->cause = cause;
		member->state = MEMBER_LOST;
		member_arm(member); /* nobody reports its end: it is looked at again */
	} else if (introductions_is_monitored(member) || member->kept) {
		member_end(member, &cause);
	} else if (!member->listed) {
		introductions_end(member, NULL);
		member_forget(member);
	}
}

static void window_close(struct broker *broker)
{
	struct window *window = &broker->window;

	broker_log(broker, window->n_awaited ? LOG_WARNING : LOG_DEBUG,
		"recovery is over: %zu groups did not announce themselves, %zu requests waited", window->n_awaited,
		broker->waits.n);
	window->state = WINDOW_CLOSED;
	window->n_awaited = 0;
	hash_each(&broker->members, give_up_absent, NULL);
	waits_release(broker, &window->waiting);
	registry_recovered(broker); /* behind the others: a look-up finds what its asker registered before it */
}

void window_tick(struct broker *broker)
{
	struct window *window = &broker->window;

	if (window->state == WINDOW_CLOSED)
		return;
	if (broker->now_ns >= window->deadline_ns || (window->state == WINDOW_GROUPS && !window->n_awaited))
		window_close(broker);
}
