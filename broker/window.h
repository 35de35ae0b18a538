/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recovery window. After a restart the broker knows nothing. An answer given too early would be wrong:
 * the broker would give away a name that another group holds, or call a living group dead. So requests that
 * depend on what groups have not announced yet wait here, in order. A look-up waits only for its own name
 * (registry.h).
 *
 * The window is open until the supervisor has sent its list, at most one second, and then until every awaited
 * group has announced itself, at most one second more. A living group that has not announced itself by then
 * is late, and may own any name. So requests about unknown names and about members of process groups wait up
 * to four seconds longer. The other requests are handled.
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
/* Keeps @frame until the window closes. 0, -EDQUOT, -ENOMEM. @routed: later frames must not overtake it. */
int window_wait(struct member *member, const struct wire_frame *frame, bool routed);
/* the supervisor has sent its list, whose groups are now awaited */
void window_listed(struct broker *broker);
void window_await(struct member *member);
void window_came(struct member *member);         /* @member has announced itself, or never will */
bool window_is_due(const struct broker *broker); /* it is time for the next state of the window */
/*
 * Goes to the next state: from WINDOW_GROUPS to WINDOW_LATE; from WINDOW_LATE, or if no supervisor came, to
 * WINDOW_CLOSED. The caller must handle the frames that waited.
 */
void window_go_on(struct broker *broker);
