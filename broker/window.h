/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recovery window. After a restart the broker knows nothing, and an answer given too early would be
 * wrong: a name that is held would be given away, a group that lives would be said to be dead. So until every
 * group that the supervisor listed has announced itself, or one second has passed, what depends on the
 * unknown waits here, in order. A look-up waits for its name only (registry.h). Who lives and has not
 * announced itself by then is late. It may own any name: unknown names wait for it on, five seconds in all;
 * the rest goes on.
 */
#pragma once

#include "libactor/protocol/wire.h"
#include "libactor/util/list.h"

struct broker;
struct member;

enum window_state { WINDOW_SUPERVISOR, WINDOW_GROUPS, WINDOW_LATE, WINDOW_CLOSED };

struct window {
	enum window_state state;
	int64_t length_ns;
	int64_t deadline_ns;
	size_t n_awaited;
	struct list waiting;
};

void window_init(struct window *window, int64_t length_ns, int64_t now_ns);
static inline bool window_is_open(const struct window *window)
{
	return window->state < WINDOW_LATE;
}
/* A name that is not known may be somebody's who lives. */
static inline bool window_holds_names(const struct window *window)
{
	return window->state != WINDOW_CLOSED;
}
/* Keeps the frame until the window closes. 0, -EDQUOT, -ENOMEM. @routed: later ones must not overtake it. */
int window_wait(struct member *member, const struct wire_frame *frame, bool routed);
void window_listed(struct broker *broker); /* the supervisor has sent its list; groups of it are awaited */
void window_await(struct member *member);
void window_came(struct member *member);         /* announced, or will not */
bool window_is_due(const struct broker *broker); /* it is time for its next state */
/* From open to late, from late to closed. What waits in it is for the caller to go on with. */
void window_go_on(struct broker *broker);
