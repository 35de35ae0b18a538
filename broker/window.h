/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recovery window. After a restart the broker knows nothing, and an answer given too early would be
 * wrong: it would give away a name that is held, or call a living group dead. So requests that depend on the
 * unknown wait here, in order. A look-up waits for its name only (registry.h).
 *
 * The window is open until the supervisor has sent its list, at most one second, and then until every awaited
 * group has announced itself, at most one second more. A living group that has not announced itself by then
 * is late, and may own any name. So requests about unknown names and about members of process groups wait up
 * to four seconds longer; the others go on.
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
/* True: a living group may own a name that the broker does not know. */
static inline bool window_holds_names(const struct window *window)
{
	return window->state != WINDOW_CLOSED;
}
/* Keeps the frame until the window closes. 0, -EDQUOT, -ENOMEM. @routed: later ones must not overtake it. */
int window_wait(struct member *member, const struct wire_frame *frame, bool routed);
void window_listed(struct broker *broker); /* the supervisor has sent its list; groups of it are awaited */
void window_await(struct member *member);
void window_came(struct member *member);         /* it has announced itself, or never will */
bool window_is_due(const struct broker *broker); /* it is time for its next state */
/*
 * From WINDOW_GROUPS to late. From late, or when no supervisor came, to closed. The caller must handle the
 * frames that waited.
 */
void window_go_on(struct broker *broker);
