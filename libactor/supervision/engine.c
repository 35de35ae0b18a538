/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervision engine
 * ======================
 *
 * It behaves as OTP's `supervisor` does, except where children that take their time (processes) ask for
 * something else.
 *
 * One child. DOWN -> STARTING -> UP -> READY -> STOPPING -> DOWN, with BACKOFF (waits for the time) and
 * WAITING (waits for siblings) on the way to STARTING. Whether it *ought* to run is one flag, `wanted`, and
 * only a command or the end of the child changes it; at every exit the flag decides. So a start that is asked
 * for while the child still stops, or a stop that is asked for during its backoff, is one assignment. Nothing
 * has to be queued. What an exit means:
 *
 *	               permanent   transient     temporary
 *	normal         restart     down, kept    removed
 *	shutdown       restart     down, kept    removed
 *	else           restart     restart       removed
 *	fatal          down, kept  down, kept    removed
 *
 * A restart costs the supervisor one unit of intensity, however many siblings it takes along; a failed start
 * costs one per attempt. Commands cost nothing. A child may have a limit of its own, counted in the same way.
 * When that is exceeded, the child is down and the supervisor goes on: OTP needs a supervisor per child for
 * that. A command that starts the child begins a new count.
 *
 * The group. one_for_all and rest_for_one restart the tail of the list that begins at order `from`. Three
 * phases walk it with one cursor: STOPPING goes backward, one child at a time. When STOPPING has reached the
 * end of the tail, and no failed child waits for its backoff any more (`n_holding`), STARTING goes forward.
 * The first start of the whole supervisor is STARTING too. SHUTDOWN, the third phase, walks backward as
 * STOPPING does, and nothing is started after it. A cursor that stands at a child waits for it: every event
 * looks at that one child only. So a pass over n children costs O(n) altogether. one_for_one walks only in
 * the first start and in the shutdown. "All at once" (parallel_stop, !start_in_order) first does the step to
 * every child and then lets the cursor walk the same way, waiting for each.
 *
 * Where it differs from OTP, and why:
 * - Starts are asynchronous. What OTP calls a successful start is here "it serves": ready, or up for one
 *   without readiness. An exit before that, or a ready_timeout, is a failed start. Queries and commands never
 *   wait.
 * - Backoff between restarts; with backoff off a failed start is retried at once, one unit per attempt, as in
 *   OTP. While the failed child of a group waits, its siblings are already stopped, because what they depend
 *   on is missing. The failed start of child j in a group restart stops the others again at once, too (OTP:
 *   only at the retry).
 * - one_for_all and rest_for_one do not start again what was stopped by command (OTP does): a stop by hand
 *   holds until a start by hand. Transient children that ended well are started again with their group, as in
 *   OTP.
 * - A sibling that fails while a group restart is still stopping it costs nothing more. A failing sibling
 *   outside the range (rest_for_one) widens the range and costs a unit.
 * - The restart window is exact to the nanosecond (OTP counts whole seconds).
 * - `restart` works on a running child. `start` starts a child in backoff at once (OTP: {error, restarting}).
 * - retry_first_start, keep_ended and the fatal exit, for people's services, which OTP does not have.
 * - The engine does not compare ids. The caller has to find a child by name or pid anyway, so it keeps the
 *   ids unique.
 *
 * Actions. Each child has a set of actions not yet taken and is in the queue once while that set is not
 * empty, so the queue needs no memory and is bounded by the number of children. Actions that were overtaken
 * before they were taken disappear: a START whose child is stopped again, a STOP whose child has exited.
 */
#include "libactor/supervision/engine.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS UINT64_C(1000000)

#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define PENDING(kind) (1u << SUPERVISION_ACTION_##kind)

enum supervision_phase {
	PHASE_NEW,      /* supervision_start() was not called yet */
	PHASE_STARTING, /* the cursor goes forward and starts children that are WAITING */
	PHASE_RUNNING,
	PHASE_STOPPING, /* the cursor goes backward down to from_order and stops children; then STARTING */
	PHASE_SHUTDOWN, /* the cursor goes backward and stops children; then DONE */
	PHASE_DONE,
};

TAILQ_HEAD(supervision_list, supervision_child);

struct supervision {
	struct supervision_config config;
	enum supervision_phase phase;
	struct supervision_list children; /* in start order */
	struct supervision_list queue;    /* children with pending actions */
	struct supervision_child *cursor;
	struct supervision_child *escalated; /* ESCALATE is pending for this child */
	struct supervision_child *reaped;    /* the GONE of this child was taken; freed at the next call */
	struct heap deadlines;
	struct intensity_window window; /* unused when unlimited */
	uint64_t random;
	uint64_t now_ns;
	uint64_t from_order; /* the group restart under way takes this child and all after it */
	uint64_t next_order;
	size_t n_children;
	size_t n_live;
	size_t n_significant; /* significant children that are not DOWN */
	size_t n_holding;     /* children whose backoff a group restart waits for */
	bool initial;         /* supervision_start() is not complete */
	bool ready_pending;
	bool done_pending;
	enum supervision_cause done_cause;
};

/* ---- small steps ---- */

/* splitmix64: jitter needs spread, not secrecy */
static uint64_t supervision_random(struct supervision *supervision)
{
	uint64_t z = supervision->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* The time never goes back in here, whatever the callers pass. */
static uint64_t supervision_tick(struct supervision *supervision, uint64_t now_ns)
{
	if (now_ns > supervision->now_ns)
		supervision->now_ns = now_ns;
	return supervision->now_ns;
}

static bool state_is_live(enum supervision_state state)
{
	return state == SUPERVISION_STARTING || state == SUPERVISION_UP || state == SUPERVISION_READY ||
	       state == SUPERVISION_STOPPING;
}

static bool child_is_live(const struct supervision_child *child)
{
	return state_is_live(child->state);
}

/* The START was queued and not taken yet, so there is no instance. */
static bool child_start_is_pending(const struct supervision_child *child)
{
	return child->pending & PENDING(START);
}

static void child_free(struct supervision_child *child)
{
	if (!child)
		return;
	intensity_window_deinit(&child->restarts);
	free(child);
}

static void child_queue(struct supervision_child *child, unsigned action)
{
	if (!child->pending)
		TAILQ_INSERT_TAIL(&child->supervision->queue, child, queue);
	child->pending |= action;
}

static void child_unqueue(struct supervision_child *child, unsigned actions)
{
	bool queued = child->pending != 0;

	child->pending &= ~actions;
	if (queued && !child->pending)
		TAILQ_REMOVE(&child->supervision->queue, child, queue);
}

static void child_deadline_set(struct supervision_child *child, uint64_t now_ns, uint64_t delay_ns)
{
	uint64_t deadline_ns;
	int r;

	if (__builtin_add_overflow(now_ns, delay_ns, &deadline_ns))
		deadline_ns = UINT64_MAX - 1;
	/* cannot fail: room for one deadline was made when the child was added */
	r = heap_insert(&child->supervision->deadlines, &child->deadline, deadline_ns);
	assert(r == 0);
	(void)r;
}

static void child_deadline_clear(struct supervision_child *child)
{
	heap_remove(&child->supervision->deadlines, &child->deadline);
}

static void child_release_hold(struct supervision_child *child)
{
	if (!child->holds)
		return;
	child->holds = false;
	child->supervision->n_holding--;
}

/* Every change of state goes through here. What belonged to the old state (deadline, hold) ends with it. */
static void child_set_state(struct supervision_child *child, enum supervision_state state)
{
	struct supervision *supervision = child->supervision;

	supervision->n_live += state_is_live(state);
	supervision->n_live -= state_is_live(child->state);
	if (child->spec.significant) {
		supervision->n_significant += state != SUPERVISION_DOWN;
		supervision->n_significant -= child->state != SUPERVISION_DOWN;
	}
	child_deadline_clear(child);
	child_release_hold(child);
	child->state = state;
	child->state_ns = supervision->now_ns;
}

static void child_unlink(struct supervision_child *child)
{
	struct supervision *supervision = child->supervision;

	if (supervision->cursor == child)
		supervision->cursor = supervision->phase == PHASE_STARTING
					      ? TAILQ_NEXT(child, link)
					      : TAILQ_PREV(child, supervision_list, link);
	if (supervision->escalated == child)
		supervision->escalated = NULL;
	TAILQ_REMOVE(&supervision->children, child, link);
	supervision->n_children--;
	child->removed = true;
}

/* The child is over. It may be unlinked afterwards, but stays readable until its GONE is taken. */
static void child_settle(struct supervision_child *child, enum supervision_cause cause)
{
	bool remove = child->spec.restart == SUPERVISION_TEMPORARY && !child->supervision->config.keep_ended;

	if (child->spec.restart == SUPERVISION_TEMPORARY)
		child->wanted = false;
	child_set_state(child, SUPERVISION_DOWN);
	child->gone_cause = cause;
	child->gone_killed = child->killed;
	child_queue(child, PENDING(GONE));
	if (remove)
		child_unlink(child);
}

static void child_do_start(struct supervision_child *child)
{
	child_set_state(child, SUPERVISION_STARTING);
	child->serves = false;
	child->killed = false;
	child->stop_cause = SUPERVISION_CAUSE_NONE;
	child->n_starts++;
	if (!child->first)
		child->n_restarts++;
	child_queue(child, PENDING(START));
}

/* Takes back a START that the caller has not seen. */
static void child_cancel_start(struct supervision_child *child)
{
	child_unqueue(child, PENDING(START));
	child->n_starts--;
	if (!child->first)
		child->n_restarts--;
}

static void child_kill(struct supervision_child *child, enum supervision_cause cause)
{
	if (child->killed)
		return;
	child->killed = true;
	child->kill_cause = cause;
	child_deadline_clear(child);
	child_unqueue(child, PENDING(STOP));
	child_queue(child, PENDING(KILL));
}

/* Stops a live child that is not being stopped yet. A child whose START was not taken is down at once. */
static void child_begin_stop(struct supervision_child *child, enum supervision_cause cause)
{
	assert(child_is_live(child) && child->state != SUPERVISION_STOPPING);

	if (child_start_is_pending(child)) {
		child_cancel_start(child);
		child_settle(child, cause);
		return;
	}
	child->stop_cause = cause;
	child_set_state(child, SUPERVISION_STOPPING);
	if (child->spec.shutdown_ms == SUPERVISION_BRUTAL_KILL) {
		child_kill(child, cause);
		return;
	}
	if (child->spec.shutdown_ms >= 0)
		child_deadline_set(child, child->state_ns, (uint64_t)child->spec.shutdown_ms * NS_PER_MS);
	child_queue(child, PENDING(STOP));
}

static void child_stop_as_sibling(struct supervision_child *child)
{
	if (!child_is_live(child) || child->state == SUPERVISION_STOPPING)
		return;
	if (child_start_is_pending(child)) {
		child_cancel_start(child);
		child_set_state(child, SUPERVISION_WAITING);
		return;
	}
	if (child->spec.restart == SUPERVISION_TEMPORARY)
		child->wanted = false;
	child_begin_stop(child, SUPERVISION_CAUSE_SIBLING);
}

/* ---- the group ---- */

static bool child_in_stopping_range(const struct supervision_child *child)
{
	const struct supervision *supervision = child->supervision;

	return supervision->phase == PHASE_STOPPING && child->order >= supervision->from_order;
}

/*
 * Whether the cursor of STARTING has not reached this child yet. Between two events the cursor of STARTING
 * stands at a child: supervision_advance() ends the phase when there is none left.
 */
static bool child_is_ahead(const struct supervision_child *child)
{
	const struct supervision *supervision = child->supervision;

	assert(supervision->phase != PHASE_STARTING || supervision->cursor);
	return supervision->phase == PHASE_STARTING && child->order > supervision->cursor->order;
}

/* Starts a child. In a group that is being restarted the child has to wait for its turn. */
static void child_request_start(struct supervision_child *child)
{
	if (child_in_stopping_range(child) ||
		(child_is_ahead(child) && child->supervision->config.strategy != SUPERVISION_ONE_FOR_ONE))
		child_set_state(child, SUPERVISION_WAITING);
	else
		child_do_start(child);
}

/* Whether the cursor of STARTING has to wait for this child. */
static bool child_is_unsettled(const struct supervision_child *child)
{
	switch (child->state) {
	case SUPERVISION_DOWN:
	case SUPERVISION_READY:
		return false;
	case SUPERVISION_UP:
		return child->spec.await_ready;
	case SUPERVISION_STOPPING:
		return child->wanted;
	default:
		return true;
	}
}

static void supervision_begin_starting(struct supervision *supervision, struct supervision_child *first)
{
	struct supervision_child *child;

	supervision->phase = PHASE_STARTING;
	supervision->cursor = first;
	if (supervision->config.start_in_order)
		return;
	for (child = first; child; child = TAILQ_NEXT(child, link))
		if (child->state == SUPERVISION_WAITING)
			child_do_start(child);
}

static void supervision_begin_shutdown(struct supervision *supervision, enum supervision_cause cause)
{
	struct supervision_child *child, *prev;

	if (supervision->phase >= PHASE_SHUTDOWN)
		return;
	supervision->phase = PHASE_SHUTDOWN;
	supervision->ready_pending = false;
	supervision->done_cause = cause;
	/* children that are only about to start end at once, however long the others take */
	for (child = TAILQ_LAST(&supervision->children, supervision_list); child; child = prev) {
		prev = TAILQ_PREV(child, supervision_list, link);
		if (child->state == SUPERVISION_WAITING || child->state == SUPERVISION_BACKOFF)
			child_settle(child, SUPERVISION_CAUSE_SHUTDOWN);
		else if (child_is_live(child) && child->state != SUPERVISION_STOPPING &&
			 (supervision->config.parallel_stop || child_start_is_pending(child)))
			child_begin_stop(child, SUPERVISION_CAUSE_SHUTDOWN);
	}
	supervision->cursor = TAILQ_LAST(&supervision->children, supervision_list);
}

/* @child failed: restarts it, and the children that its strategy takes along, after @delay_ns. */
static void supervision_begin_group_restart(
	struct supervision *supervision, struct supervision_child *child, uint64_t delay_ns)
{
	struct supervision_child *sibling;
	/* if a group restart is already stopping children, this child is before its range */
	uint64_t from_order = child->order;

	if (supervision->config.strategy == SUPERVISION_ONE_FOR_ALL)
		from_order = 0;
	else if (child_is_ahead(child))
		from_order = supervision->cursor->order;

	supervision->phase = PHASE_STOPPING;
	supervision->from_order = from_order;

	if (delay_ns) {
		child_set_state(child, SUPERVISION_BACKOFF);
		child_deadline_set(child, child->state_ns, delay_ns);
		child->holds = true;
		supervision->n_holding++;
	} else {
		child_set_state(child, SUPERVISION_WAITING);
	}

	if (supervision->config.parallel_stop)
		for (sibling = TAILQ_LAST(&supervision->children, supervision_list);
			sibling && sibling->order >= from_order;
			sibling = TAILQ_PREV(sibling, supervision_list, link))
			child_stop_as_sibling(sibling);
	supervision->cursor = TAILQ_LAST(&supervision->children, supervision_list);
}

/* Returns false when the cursor waits. */
static bool supervision_walk_starting(struct supervision *supervision)
{
	while (supervision->cursor) {
		if (supervision->cursor->state == SUPERVISION_WAITING)
			child_do_start(supervision->cursor);
		if (child_is_unsettled(supervision->cursor))
			return false;
		supervision->cursor = TAILQ_NEXT(supervision->cursor, link);
	}
	supervision->phase = PHASE_RUNNING;
	if (supervision->initial) {
		supervision->initial = false;
		supervision->ready_pending = true;
	}
	return true;
}

static bool supervision_walk_stopping(struct supervision *supervision)
{
	struct supervision_child *child;

	while ((child = supervision->cursor) && child->order >= supervision->from_order) {
		child_stop_as_sibling(child);
		if (child_is_live(child))
			return false;
		if ((child->state == SUPERVISION_DOWN && child->wanted) ||
			(child->state == SUPERVISION_BACKOFF && !child->holds))
			child_set_state(child, SUPERVISION_WAITING);
		supervision->cursor = TAILQ_PREV(child, supervision_list, link);
	}
	if (supervision->n_holding)
		return false;
	supervision_begin_starting(supervision, supervision->cursor ? TAILQ_NEXT(supervision->cursor, link)
								    : TAILQ_FIRST(&supervision->children));
	return true;
}

static bool supervision_walk_shutdown(struct supervision *supervision)
{
	struct supervision_child *child;

	while ((child = supervision->cursor)) {
		if (child_is_live(child) && child->state != SUPERVISION_STOPPING)
			child_begin_stop(child, SUPERVISION_CAUSE_SHUTDOWN);
		if (child_is_live(child))
			return false;
		supervision->cursor = TAILQ_PREV(child, supervision_list, link);
	}
	supervision->phase = PHASE_DONE;
	supervision->done_pending = true;
	return true;
}

/* Does what the last event made possible; O(1) if that is nothing. */
static void supervision_advance(struct supervision *supervision)
{
	bool moved = true;

	while (moved)
		switch (supervision->phase) {
		case PHASE_STARTING:
			moved = supervision_walk_starting(supervision);
			break;
		case PHASE_STOPPING:
			moved = supervision_walk_stopping(supervision);
			break;
		case PHASE_SHUTDOWN:
			moved = supervision_walk_shutdown(supervision);
			break;
		default:
			moved = false;
		}
}

/* ---- the end of an instance ---- */

/* The first start of @child failed. The failure is reported to the caller, and there is no other attempt. */
static void child_refuse(struct supervision_child *child)
{
	struct supervision *supervision = child->supervision;

	child->wanted = false;
	child->first = false;
	child_settle(child, SUPERVISION_CAUSE_START_FAILED);
	if (supervision->initial && !child->dynamic)
		supervision_begin_shutdown(supervision, SUPERVISION_CAUSE_START_FAILED);
	else if (child->dynamic && !child->ever_served && !child->removed)
		child_unlink(child); /* as if it had never been added */
}

static void child_end_for_good(struct supervision_child *child, enum supervision_cause cause)
{
	struct supervision *supervision = child->supervision;
	bool significant = child->spec.significant;

	child_settle(child, cause);
	if (!significant)
		return;
	if (supervision->config.auto_shutdown == SUPERVISION_AUTO_ANY_SIGNIFICANT ||
		supervision->n_significant == 0)
		supervision_begin_shutdown(supervision, SUPERVISION_CAUSE_AUTO);
}

static void child_restart_by_policy(
	struct supervision_child *child, enum supervision_exit exit, bool served, uint64_t served_ns)
{
	struct supervision *supervision = child->supervision;
	uint64_t delay_ns;

	child->first = false;
	if (child->spec.period_ms && !intensity_window_add(&child->restarts, supervision->now_ns)) {
		child->wanted = false;
		child_end_for_good(child, SUPERVISION_CAUSE_INTENSITY);
		return;
	}
	if (supervision->config.intensity != SUPERVISION_UNLIMITED &&
		!intensity_window_add(&supervision->window, supervision->now_ns)) {
		child_settle(child, SUPERVISION_CAUSE_INTENSITY);
		supervision->escalated = child;
		supervision_begin_shutdown(supervision, SUPERVISION_CAUSE_INTENSITY);
		return;
	}
	delay_ns = backoff_next_ns(&child->backoff, &child->spec.backoff, served,
		exit == SUPERVISION_EXIT_KILLED, served_ns, supervision_random(supervision));
	if (supervision->config.strategy != SUPERVISION_ONE_FOR_ONE) {
		supervision_begin_group_restart(supervision, child, delay_ns);
	} else if (delay_ns) {
		child_set_state(child, SUPERVISION_BACKOFF);
		child_deadline_set(child, child->state_ns, delay_ns);
	} else {
		child_do_start(child);
	}
}

/*
 * An instance that was being stopped has ended. False: it was stopped because it did not get ready, which is
 * a failure.
 */
static bool child_end_stopping(struct supervision_child *child)
{
	if (child->supervision->phase == PHASE_SHUTDOWN || !child->wanted) {
		child_settle(child, child->stop_cause);
		return true;
	}
	if (child->stop_cause == SUPERVISION_CAUSE_NOT_READY && !child_in_stopping_range(child))
		return false;
	child_request_start(child);
	return true;
}

static void child_end(struct supervision_child *child, enum supervision_exit exit, bool failed_start)
{
	struct supervision *supervision = child->supervision;
	bool served = child->serves;
	uint64_t served_ns = 0;
	bool failed, restart;

	if (served && supervision->now_ns > child->served_ns)
		served_ns = supervision->now_ns - child->served_ns;
	child_unqueue(child, PENDING(STOP) | PENDING(KILL));
	child_deadline_clear(child);
	child->last_exit = exit;
	child->serves = false;

	if (child->state == SUPERVISION_STOPPING) {
		if (child_end_stopping(child))
			return;
		failed_start = true;
		if (exit != SUPERVISION_EXIT_FATAL)
			exit = SUPERVISION_EXIT_ABNORMAL;
	} else if (supervision->phase == PHASE_SHUTDOWN) {
		child_settle(child, SUPERVISION_CAUSE_ENDED);
		return;
	} else if (child_in_stopping_range(child)) {
		/* this child was next to be stopped anyway */
		if (exit == SUPERVISION_EXIT_FATAL)
			child->wanted = false;
		if (exit == SUPERVISION_EXIT_FATAL || child->spec.restart == SUPERVISION_TEMPORARY)
			child_settle(child, SUPERVISION_CAUSE_SIBLING);
		else
			child_set_state(child, SUPERVISION_WAITING);
		return;
	}

	failed = exit != SUPERVISION_EXIT_NORMAL && exit != SUPERVISION_EXIT_SHUTDOWN;
	restart = child->spec.restart == SUPERVISION_PERMANENT ||
		  (child->spec.restart == SUPERVISION_TRANSIENT && failed);
	if (exit == SUPERVISION_EXIT_FATAL)
		restart = false;

	/* one that served once is not `first` any more */
	if (child->first && !supervision->config.retry_first_start && (failed || restart)) {
		child_refuse(child);
	} else if (restart) {
		child_restart_by_policy(child, exit, served, served_ns);
	} else {
		child->first = false;
		if (exit == SUPERVISION_EXIT_FATAL)
			child->wanted = false;
		child_end_for_good(
			child, failed_start ? SUPERVISION_CAUSE_START_FAILED : SUPERVISION_CAUSE_ENDED);
	}
}

/* ---- the supervisor ---- */

int supervision_new(struct supervision **ret, const struct supervision_config *config)
{
	struct supervision *supervision;
	int r;

	if (supervision_config_check(config))
		return -EINVAL;
	supervision = calloc(1, sizeof(*supervision));
	if (!supervision)
		return -ENOMEM;
	supervision->config = *config;
	supervision->random = config->seed;
	supervision->initial = true;
	TAILQ_INIT(&supervision->children);
	TAILQ_INIT(&supervision->queue);
	heap_init(&supervision->deadlines);
	if (config->intensity != SUPERVISION_UNLIMITED) {
		r = intensity_window_init(
			&supervision->window, config->intensity, config->period_ms * NS_PER_MS);
		if (r) {
			free(supervision);
			return r;
		}
	}
	*ret = supervision;
	return 0;
}

struct supervision *supervision_free(struct supervision *supervision)
{
	struct supervision_child *child;

	if (!supervision)
		return NULL;
	child_free(supervision->reaped);
	while ((child = TAILQ_FIRST(&supervision->queue))) {
		child_unqueue(child, child->pending);
		if (child->removed)
			child_free(child);
	}
	while ((child = TAILQ_FIRST(&supervision->children))) {
		TAILQ_REMOVE(&supervision->children, child, link);
		child_free(child);
	}
	heap_deinit(&supervision->deadlines);
	intensity_window_deinit(&supervision->window);
	free(supervision);
	return NULL;
}

int supervision_start(struct supervision *supervision, uint64_t now_ns)
{
	struct supervision_child *child;

	if (supervision->phase != PHASE_NEW)
		return -EALREADY;
	supervision_tick(supervision, now_ns);
	TAILQ_FOREACH(child, &supervision->children, link)
	if (child->wanted) {
		child->first = true;
		child_set_state(child, SUPERVISION_WAITING);
	}
	supervision_begin_starting(supervision, TAILQ_FIRST(&supervision->children));
	supervision_advance(supervision);
	return 0;
}

int supervision_shutdown(struct supervision *supervision, uint64_t now_ns, bool force)
{
	struct supervision_child *child;

	if (supervision->phase == PHASE_DONE)
		return -EALREADY;
	supervision_tick(supervision, now_ns);
	supervision_begin_shutdown(supervision, SUPERVISION_CAUSE_SHUTDOWN);
	if (force)
		TAILQ_FOREACH(child, &supervision->children, link)
		{
			if (!child_is_live(child))
				continue;
			if (child->state != SUPERVISION_STOPPING) {
				child->stop_cause = SUPERVISION_CAUSE_SHUTDOWN;
				child_set_state(child, SUPERVISION_STOPPING);
			}
			child_kill(child, SUPERVISION_CAUSE_SHUTDOWN);
		}
	supervision_advance(supervision);
	return 0;
}

static void child_timeout(struct supervision_child *child)
{
	switch (child->state) {
	case SUPERVISION_BACKOFF:
		child_request_start(child);
		break;
	case SUPERVISION_UP:
		if (child->supervision->phase != PHASE_SHUTDOWN)
			child_begin_stop(child, SUPERVISION_CAUSE_NOT_READY);
		break;
	default: /* SUPERVISION_STOPPING: the other states have no deadline */
		child_kill(child, SUPERVISION_CAUSE_OVERSTAYED);
	}
}

void supervision_timer(struct supervision *supervision, uint64_t now_ns)
{
	struct heap_node *node;

	now_ns = supervision_tick(supervision, now_ns);
	/* A child is due at most twice in a row (not ready, then shutdown_ms 0), so this ends. */
	while ((node = heap_take(&supervision->deadlines, now_ns)))
		child_timeout(CONTAINER_OF(node, struct supervision_child, deadline));
	supervision_advance(supervision);
}

uint64_t supervision_next_deadline(const struct supervision *supervision)
{
	return heap_first_key(&supervision->deadlines);
}

static bool supervision_next_child_action(struct supervision *supervision, struct supervision_action *ret)
{
	/* The order of actions for a child that went down and is started again at once. */
	static const enum supervision_action_kind order[] = {
		SUPERVISION_ACTION_GONE,
		SUPERVISION_ACTION_START,
		SUPERVISION_ACTION_STOP,
		SUPERVISION_ACTION_KILL,
	};
	struct supervision_child *child = TAILQ_FIRST(&supervision->queue);
	size_t i = 0;

	if (!child)
		return false;
	while (!(child->pending & (1u << order[i])))
		i++;
	*ret = (struct supervision_action){.kind = order[i], .child = child};
	switch (order[i]) {
	case SUPERVISION_ACTION_GONE:
		ret->cause = child->gone_cause;
		ret->exit = child->last_exit;
		ret->killed = child->gone_killed;
		ret->removed = child->removed;
		break;
	case SUPERVISION_ACTION_STOP:
		ret->cause = child->stop_cause;
		ret->shutdown_ms = child->spec.shutdown_ms;
		break;
	case SUPERVISION_ACTION_KILL:
		ret->cause = child->kill_cause;
		break;
	default:
		break;
	}
	child_unqueue(child, 1u << order[i]);
	if (child->removed)
		supervision->reaped = child;
	return true;
}

bool supervision_next_action(struct supervision *supervision, struct supervision_action *ret)
{
	child_free(supervision->reaped);
	supervision->reaped = NULL;

	if (supervision->escalated) {
		*ret = (struct supervision_action){
			.kind = SUPERVISION_ACTION_ESCALATE,
			.child = supervision->escalated,
		};
		supervision->escalated = NULL;
		return true;
	}
	if (supervision_next_child_action(supervision, ret))
		return true;
	if (supervision->ready_pending) {
		*ret = (struct supervision_action){.kind = SUPERVISION_ACTION_READY};
		supervision->ready_pending = false;
		return true;
	}
	if (supervision->done_pending) {
		*ret = (struct supervision_action){
			.kind = SUPERVISION_ACTION_DONE,
			.cause = supervision->done_cause,
		};
		supervision->done_pending = false;
		return true;
	}
	return false;
}

/* ---- commands ---- */

int supervision_child_add(struct supervision *supervision, const struct supervision_child_spec *spec,
	struct supervision_child **ret)
{
	const char *id = spec->id ? spec->id : "";
	struct supervision_child *child;
	size_t id_size = strlen(id) + 1;

	if (supervision_child_spec_check(&supervision->config, spec))
		return -EINVAL;
	if (supervision->phase >= PHASE_SHUTDOWN)
		return -ESHUTDOWN;
	if (heap_reserve(&supervision->deadlines, supervision->n_children + 1))
		return -ENOMEM;
	child = calloc(1, sizeof(*child) + id_size);
	if (!child)
		return -ENOMEM;
	if (spec->period_ms &&
		intensity_window_init(&child->restarts, spec->intensity, spec->period_ms * NS_PER_MS) < 0) {
		free(child);
		return -ENOMEM;
	}
	memcpy(child->id, id, id_size);
	child->supervision = supervision;
	child->spec = *spec;
	child->spec.id = child->id;
	child->dynamic = supervision->phase != PHASE_NEW;
	child->wanted = !child->dynamic;
	child->state_ns = supervision->now_ns;
	child->order = supervision->next_order++;
	TAILQ_INSERT_TAIL(&supervision->children, child, link);
	supervision->n_children++;
	*ret = child;
	return 0;
}

/* A command began a new series of delays and a new count of restarts. */
static void child_begin_anew(struct supervision_child *child)
{
	backoff_reset(&child->backoff);
	intensity_window_clear(&child->restarts);
}

/* A command wants the child up from now on. */
static void child_want_start(struct supervision_child *child)
{
	child->wanted = true;
	child->first = true;
	child_begin_anew(child);
}

static int child_command_check(const struct supervision_child *child)
{
	if (child->removed)
		return -ESRCH;
	return child->supervision->phase >= PHASE_SHUTDOWN ? -ESHUTDOWN : 0;
}

int supervision_child_start(struct supervision_child *child, uint64_t now_ns)
{
	struct supervision *supervision = child->supervision;
	int r;

	r = child_command_check(child);
	if (r)
		return r;
	supervision_tick(supervision, now_ns);
	switch (child->state) {
	case SUPERVISION_DOWN:
		if (supervision->phase == PHASE_NEW) {
			child->wanted = true;
			return 0;
		}
		child_want_start(child);
		child_request_start(child);
		break;
	case SUPERVISION_BACKOFF:
		child_begin_anew(child);
		child_request_start(child);
		break;
	case SUPERVISION_STOPPING:
		if (child->wanted)
			return -EALREADY;
		child_want_start(child);
		break;
	default:
		return -EALREADY;
	}
	supervision_advance(supervision);
	return 0;
}

int supervision_child_stop(struct supervision_child *child, uint64_t now_ns)
{
	struct supervision *supervision = child->supervision;

	if (child->removed)
		return -ESRCH;
	supervision_tick(supervision, now_ns);
	child->wanted = false;
	child->first = false;
	switch (child->state) {
	case SUPERVISION_DOWN:
		return 0;
	case SUPERVISION_WAITING:
	case SUPERVISION_BACKOFF:
		child_settle(child, SUPERVISION_CAUSE_COMMAND);
		break;
	case SUPERVISION_STOPPING:
		if (supervision->phase != PHASE_SHUTDOWN)
			child->stop_cause = SUPERVISION_CAUSE_COMMAND;
		break;
	default:
		child_begin_stop(child, SUPERVISION_CAUSE_COMMAND);
	}
	supervision_advance(supervision);
	return 1;
}

int supervision_child_restart(struct supervision_child *child, uint64_t now_ns)
{
	struct supervision *supervision = child->supervision;
	int r;

	r = child_command_check(child);
	if (r)
		return r;
	switch (child->state) {
	case SUPERVISION_STARTING:
		if (child_start_is_pending(child))
			return 0;
		break;
	case SUPERVISION_UP:
	case SUPERVISION_READY:
		break;
	case SUPERVISION_STOPPING:
		supervision_tick(supervision, now_ns);
		child_want_start(child);
		child->stop_cause = SUPERVISION_CAUSE_RESTART;
		return 0;
	default:
		r = supervision_child_start(child, now_ns);
		return r == -EALREADY ? 0 : r;
	}
	supervision_tick(supervision, now_ns);
	child_want_start(child);
	child_begin_stop(child, SUPERVISION_CAUSE_RESTART);
	supervision_advance(supervision);
	return 0;
}

int supervision_child_remove(struct supervision_child *child)
{
	struct supervision *supervision = child->supervision;

	if (child->removed)
		return -ESRCH;
	if (child->state != SUPERVISION_DOWN)
		return -EBUSY;
	child_unqueue(child, child->pending);
	child_unlink(child);
	child_free(child);
	supervision_advance(supervision);
	return 0;
}

int supervision_child_restore(struct supervision_child *child, enum supervision_state state, bool wanted,
	uint64_t since_ns, uint64_t deadline_ns, uint64_t n_restarts, struct backoff backoff)
{
	const struct supervision *supervision = child->supervision;

	if (child->removed || child->state != SUPERVISION_DOWN || child->pending || child->n_starts ||
		supervision->phase == PHASE_NEW || supervision->phase >= PHASE_SHUTDOWN)
		return -EINVAL;
	if (state == SUPERVISION_WAITING || state == SUPERVISION_STOPPING ||
		(unsigned)state >= _SUPERVISION_STATE_N)
		return -EINVAL;
	if (!wanted && state != SUPERVISION_DOWN)
		return -EINVAL;

	child_set_state(child, state);
	child->wanted = wanted;
	child->state_ns = since_ns;
	child->n_restarts = n_restarts;
	child->n_starts = state_is_live(state) ? n_restarts + 1 : n_restarts;
	child->backoff = backoff;
	child->ever_served = true; /* from here on a start is no first start */
	child->serves = state == SUPERVISION_READY || (state == SUPERVISION_UP && !child->spec.await_ready);
	child->served_ns = since_ns;
	if (state == SUPERVISION_BACKOFF)
		child_deadline_set(child, deadline_ns, 0);
	else if (state == SUPERVISION_UP && child->spec.ready_timeout_ms)
		child_deadline_set(child, since_ns, child->spec.ready_timeout_ms * NS_PER_MS);
	return 0;
}

int supervision_child_configure(struct supervision_child *child, const struct supervision_child_spec *spec)
{
	struct supervision_child_spec changed = child->spec;
	struct intensity_window restarts = {0};

	if (supervision_child_spec_check(&child->supervision->config, spec))
		return -EINVAL;
	if (spec->period_ms &&
		intensity_window_init(&restarts, spec->intensity, spec->period_ms * NS_PER_MS) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; restarts.n_slots && i < child->restarts.n; i++)
		intensity_window_add(
			&restarts, intensity_window_time(&child->restarts, child->restarts.n, i));
	intensity_window_deinit(&child->restarts);
	child->restarts = restarts;
	changed.restart = spec->restart;
	changed.await_ready = spec->await_ready;
	changed.ready_timeout_ms = spec->ready_timeout_ms;
	changed.shutdown_ms = spec->shutdown_ms;
	changed.backoff = spec->backoff;
	changed.intensity = spec->intensity;
	changed.period_ms = spec->period_ms;
	child->spec = changed;
	return 0;
}

void supervision_child_restore_restart(struct supervision_child *child, uint64_t at_ns)
{
	if (child->spec.period_ms)
		intensity_window_add(&child->restarts, at_ns);
}

/* ---- events ---- */

static bool child_has_instance(const struct supervision_child *child)
{
	return child_is_live(child) && !child_start_is_pending(child);
}

static void child_serve(struct supervision_child *child)
{
	if (child->serves)
		return;
	child->serves = true;
	child->ever_served = true;
	child->first = false;
	child->served_ns = child->state_ns;
}

int supervision_child_started(struct supervision_child *child, uint64_t now_ns)
{
	if (!child_has_instance(child) || child->state == SUPERVISION_UP || child->state == SUPERVISION_READY)
		return -EINVAL;
	supervision_tick(child->supervision, now_ns);
	if (child->state == SUPERVISION_STOPPING)
		return 0;
	child_set_state(child, SUPERVISION_UP);
	if (!child->spec.await_ready)
		child_serve(child);
	else if (child->spec.ready_timeout_ms)
		child_deadline_set(child, child->state_ns, child->spec.ready_timeout_ms * NS_PER_MS);
	supervision_advance(child->supervision);
	return 0;
}

int supervision_child_ready(struct supervision_child *child, uint64_t now_ns)
{
	if (!child_has_instance(child))
		return -EINVAL;
	supervision_tick(child->supervision, now_ns);
	if (child->state == SUPERVISION_STOPPING || child->state == SUPERVISION_READY)
		return 0;
	child_set_state(child, SUPERVISION_READY);
	child_serve(child);
	supervision_advance(child->supervision);
	return 0;
}

int supervision_child_start_failed(struct supervision_child *child, uint64_t now_ns, bool permanent)
{
	if (!child_has_instance(child) || child->state == SUPERVISION_UP || child->state == SUPERVISION_READY)
		return -EINVAL;
	supervision_tick(child->supervision, now_ns);
	child_end(child, permanent ? SUPERVISION_EXIT_FATAL : SUPERVISION_EXIT_ABNORMAL, true);
	supervision_advance(child->supervision);
	return 0;
}

int supervision_child_exited(struct supervision_child *child, uint64_t now_ns, enum supervision_exit exit)
{
	if (!child_has_instance(child))
		return -EINVAL;
	if (exit == SUPERVISION_EXIT_NONE || (unsigned)exit >= _SUPERVISION_EXIT_N)
		return -EINVAL;
	supervision_tick(child->supervision, now_ns);
	child_end(child, exit, false);
	supervision_advance(child->supervision);
	return 0;
}

int supervision_child_ignored(struct supervision_child *child, uint64_t now_ns)
{
	struct supervision *supervision = child->supervision;

	if (!child_has_instance(child) || child->serves)
		return -EINVAL;
	supervision_tick(supervision, now_ns);
	if (child->state == SUPERVISION_STOPPING || child_in_stopping_range(child)) {
		child_end(child, SUPERVISION_EXIT_NORMAL, false);
	} else {
		child->last_exit = SUPERVISION_EXIT_NORMAL;
		child->first = false;
		child_settle(child, SUPERVISION_CAUSE_IGNORED);
	}
	supervision_advance(supervision);
	return 0;
}

/* ---- looking ---- */

struct supervision_child *supervision_first_child(const struct supervision *supervision)
{
	return TAILQ_FIRST(&supervision->children);
}

struct supervision_child *supervision_last_child(const struct supervision *supervision)
{
	return TAILQ_LAST(&supervision->children, supervision_list);
}

struct supervision_child *supervision_child_next(const struct supervision_child *child)
{
	return TAILQ_NEXT(child, link);
}

struct supervision_child *supervision_child_prev(const struct supervision_child *child)
{
	return TAILQ_PREV(child, supervision_list, link);
}

uint64_t supervision_child_deadline(const struct supervision_child *child)
{
	return heap_contains(&child->deadline) ? heap_key(&child->supervision->deadlines, &child->deadline)
					       : SUPERVISION_NEVER;
}

struct supervision_counts supervision_count(const struct supervision *supervision)
{
	return (struct supervision_counts){
		.n_children = supervision->n_children,
		.n_live = supervision->n_live,
	};
}

bool supervision_is_running(const struct supervision *supervision)
{
	return !supervision->initial && supervision->phase < PHASE_SHUTDOWN;
}

bool supervision_is_done(const struct supervision *supervision)
{
	return supervision->phase == PHASE_DONE;
}
