#include "window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "peer.h"

struct waiting {
	struct list all;     /* window.waiting */
	struct list by_peer; /* peer.waiting */
	struct peer *peer;
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

int window_wait(struct peer *peer, const struct wire_frame *frame, bool routed)
{
	struct window *window = &peer->broker->window;
	struct waiting *waiting;

	if (!quota_take(peer, QUOTA_WAITING, sizeof(*waiting) + frame->raw_bytes))
		return -EDQUOT;
	waiting = malloc(sizeof(*waiting) + frame->raw_bytes);
	if (!waiting) {
		quota_give(peer, QUOTA_WAITING, sizeof(*waiting) + frame->raw_bytes);
		return -ENOMEM;
	}
	*waiting = (struct waiting){.peer = peer, .routed = routed, .size_bytes = frame->raw_bytes};
	memcpy(waiting->bytes, frame->raw, frame->raw_bytes);
	list_append(&window->waiting, &waiting->all);
	list_append(&peer->waiting, &waiting->by_peer);
	window->n_waiting++;
	peer->n_waiting_routed += routed;
	return 0;
}

static void waiting_unlink(struct waiting *waiting)
{
	list_remove(&waiting->all);
	list_remove(&waiting->by_peer);
	waiting->peer->broker->window.n_waiting--;
	waiting->peer->n_waiting_routed -= waiting->routed;
	quota_give(waiting->peer, QUOTA_WAITING, sizeof(*waiting) + waiting->size_bytes);
}

void window_forget(struct peer *peer)
{
	list_for_each_safe(it, &peer->waiting) {
		struct waiting *waiting = container_of(it, struct waiting, by_peer);

		waiting_unlink(waiting);
		free(waiting);
	}
}

/* ---- groups ----------------------------------------------------------------------------------------------------- */

void window_await(struct peer *peer)
{
	struct window *window = &peer->broker->window;

	if (peer->awaited || !window_is_open(window))
		return;
	peer->awaited = true;
	window->n_awaited++;
}

void window_came(struct peer *peer)
{
	if (!peer->awaited)
		return;
	peer->awaited = false;
	peer->broker->window.n_awaited--;
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
	struct peer *peer = container_of(node, struct peer, node);
	struct actor_cause cause = cause_make("noconnection");

	peer->awaited = false;
	if (peer->state != PEER_ABSENT)
		return;
	if (introductions_is_monitored(peer)) {
		peer_end(peer, &cause);
	} else if (!peer->listed) {
		introductions_end(peer, NULL);
		peer_forget(peer);
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
	hash_each(&broker->peers, give_up_absent, NULL);

	while ((next = list_pop(&window->waiting))) {
		struct waiting *waiting = container_of(next, struct waiting, all);
		struct wire_frame frame;
		size_t used;

		waiting_unlink(waiting);
		if (!waiting->peer->doomed && wire_parse(waiting->bytes, waiting->size_bytes, &frame, &used) == 1)
			broker_frame(broker, waiting->peer, &frame);
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
