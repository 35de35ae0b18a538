/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's stand-in is a service group, as the real supervisor is. It tells the broker which groups
 * live and which have ended, and it tells watchers of the ends of processes, each some time after it
 * happened. What must not be lost is kept outside it, as the keeper does it for the real one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/node/service.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/mp.h"
#include "tests/sim/sim.h"

/* After more than a second without a word the broker would take a group without a link for one that lives. */
#define LATE_MS 600

struct process *supervisor_process;

/* ---- what the keeper knows ---- */

struct exit_seen {
	struct list link;
	uint64_t group;
	pid_t pid;
	char name[32];
	int64_t seen_ns; /* when the supervisor hears of the end */
	uint64_t told;   /* the number under which the broker was told; 0: it was not told yet */
};

/* A watcher that the supervisor must tell of the end of the process of @group. */
struct process_watch {
	struct list link;
	uint64_t group, id;
	actor_ref watcher;
	uint64_t told;
};

static struct list exits = {&exits, &exits}, process_watches = {&process_watches, &process_watches};
static uint64_t last_told;

void supervisor_exit_seen(struct process *process)
{
	struct exit_seen *seen;

	if (process->kind != PROCESS_SUPERVISED)
		return;
	seen = calloc(1, sizeof(*seen));
	seen->group = process->group;
	seen->pid = process->pid;
	strcpy(seen->name, process->name);
	seen->seen_ns = sim.now_ns + (int64_t)sim_random(sim_chance(8) ? LATE_MS : 60) * MS;
	list_append(&exits, &seen->link);
}

/* ---- the supervisor ---- */

static const struct actor_cause killed = {.reason = "signal", .kind = ACTOR_EXIT_SIGNAL, .code = 9};

static void put_list(struct buf *out, const struct buf *items, uint32_t n)
{
	mp_put_array(out, n);
	mp_put_raw(out, items->data, items->size_bytes);
}

static void put_exits(struct buf *out)
{
	struct buf items = BUF_INIT;
	uint32_t n = 0;

	list_for_each(it, &exits) {
		struct exit_seen *seen = container_of(it, struct exit_seen, link);

		seen->told = 0;
		if (seen->seen_ns > sim.now_ns)
			continue;
		seen->told = last_told;
		mp_put_array(&items, 4);
		mp_put_uint(&items, seen->group);
		cause_put(&items, &killed);
		mp_put_int(&items, seen->pid);
		mp_put_cstr(&items, seen->name);
		n++;
	}
	put_list(out, &items, n);
	buf_deinit(&items);
}

/* @up: only groups that surely speak the protocol. A group whose end was not seen yet counts as living. */
static void put_living(struct buf *out, bool up)
{
	struct buf items = BUF_INIT;
	uint32_t n = 0;

	list_for_each(it, &processes) {
		struct process *process = container_of(it, struct process, link);

		if (process->kind != PROCESS_SUPERVISED || process->dead || (up && !process->up))
			continue;
		mp_put_uint(&items, process->group);
		n++;
	}
	list_for_each(it, &exits) {
		struct exit_seen *seen = container_of(it, struct exit_seen, link);

		if (seen->seen_ns <= sim.now_ns || up)
			continue;
		mp_put_uint(&items, seen->group);
		n++;
	}
	put_list(out, &items, n);
	buf_deinit(&items);
}

static int on_broker_up(actor *self, const actor_msg *msg)
{
	struct buf live = BUF_INIT, gone = BUF_INIT, speaking = BUF_INIT;

	if (process_is_dead())
		return 0;
	last_told++;
	sim_event("tells the broker who lives");
	put_living(&live, false);
	put_exits(&gone);
	put_living(&speaking, true);
	if (service_cast_broker(self, "groups", "mmm[]", (const void *)live.data, live.size_bytes,
		    (const void *)gone.data, gone.size_bytes, (const void *)speaking.data,
		    speaking.size_bytes) == 0)
		service_hand_over(self, 0, last_told);
	buf_deinit(&live);
	buf_deinit(&gone);
	buf_deinit(&speaking);
	return 0;
}

static int on_nothing(actor *self, const actor_msg *msg)
{
	return 0;
}

/* Whether the supervisor believes that @group lives. */
static bool group_seems_alive(uint64_t group)
{
	list_for_each(it, &exits) {
		struct exit_seen *seen = container_of(it, struct exit_seen, link);

		if (seen->group == group)
			return seen->seen_ns > sim.now_ns;
	}
	list_for_each(it, &processes) {
		struct process *process = container_of(it, struct process, link);

		if (process->kind == PROCESS_SUPERVISED && process->group == group)
			return !process->dead;
	}
	return false;
}

static void watches_tell(actor *self)
{
	list_for_each(it, &process_watches) {
		struct process_watch *watch = container_of(it, struct process_watch, link);

		if (watch->told || group_seems_alive(watch->group))
			continue;
		watch->told = ++last_told;
		service_send_down(
			self, watch->watcher, (actor_ref){SIM_NODE, watch->group, 0}, watch->id, &killed);
		service_hand_over(self, watch->watcher.group, watch->told);
	}
}

static void watches_handed_over(uint64_t to, uint64_t number, bool ok)
{
	list_for_each_safe(it, &process_watches) {
		struct process_watch *watch = container_of(it, struct process_watch, link);

		if (watch->watcher.group != to || watch->told != number)
			continue;
		/* It is told again, unless the watcher has got it or has ended. */
		watch->told = 0;
		if (!ok && truth_actor(watch->watcher) && truth_actor(watch->watcher)->process)
			continue;
		list_remove(&watch->link);
		free(watch);
	}
}

static bool is_watched(const struct process_watch *watch)
{
	list_for_each(it, &process_watches) {
		const struct process_watch *other = container_of(it, struct process_watch, link);

		if (other->id == watch->id && actor_ref_equal(other->watcher, watch->watcher))
			return true;
	}
	return false;
}

static int on_monitor(actor *self, const actor_msg *msg, actor_from *from)
{
	struct process_watch *watch;

	if (process_is_dead())
		return 0;
	watch = calloc(1, sizeof(*watch));
	if (actor_msg_unpack(msg, "UrU", &watch->group, &watch->watcher, &watch->id) < 0)
		sim_fail("a monitor that nobody wants");
	(void)actor_reply(from, "");
	if (is_watched(watch)) { /* the group repeats its monitor to the supervisor after a new link */
		free(watch);
		return 0;
	}
	list_append(&process_watches, &watch->link);
	watches_tell(self);
	return 0;
}

static int on_demonitor(actor *self, const actor_msg *msg)
{
	actor_ref watcher;
	uint64_t id;

	if (process_is_dead() || actor_msg_unpack(msg, "rU", &watcher, &id) < 0)
		return 0;
	list_for_each_safe(it, &process_watches) {
		struct process_watch *watch = container_of(it, struct process_watch, link);

		if (watch->id != id || !actor_ref_equal(watch->watcher, watcher))
			continue;
		list_remove(&watch->link);
		free(watch);
	}
	return 0;
}

/* To the broker all was handed over that was told up to this number; to another group, that one notice. */
static int on_handed_over(actor *self, const actor_msg *msg)
{
	uint64_t to, number;
	bool ok, routed;

	if (process_is_dead() || actor_msg_unpack(msg, "UUbb", &to, &number, &ok, &routed) < 0)
		return 0;
	watches_handed_over(to, number, ok);
	if (to || !ok)
		return 0;
	list_for_each_safe(it, &exits) {
		struct exit_seen *seen = container_of(it, struct exit_seen, link);

		if (!seen->told || seen->told > number)
			continue;
		list_remove(&seen->link);
		free(seen);
	}
	return 0;
}

static int look_again(actor *self)
{
	return actor_send_after(self, 5 + sim_random(100), "look", NULL, "");
}

static int on_look(actor *self, const actor_msg *msg)
{
	struct buf cause = BUF_INIT;

	if (process_is_dead())
		return 0;
	cause_put(&cause, &killed);
	list_for_each(it, &exits) {
		struct exit_seen *seen = container_of(it, struct exit_seen, link);
		char path[128];

		if (seen->told || seen->seen_ns > sim.now_ns ||
			service_cast_broker(self, "group_down", "Umis", seen->group, (const void *)cause.data,
				cause.size_bytes, (int)seen->pid, seen->name) < 0)
			continue;
		sim_event("tells that group %llx has ended", (unsigned long long)seen->group);
		seen->told = ++last_told;
		service_hand_over(self, 0, seen->told);
		snprintf(path, sizeof(path), "%s/g/%" PRIu64 "/", sim.dir, seen->group);
		net_remove_dead(path);
	}
	buf_deinit(&cause);
	watches_tell(self);
	return look_again(self);
}

static int supervisor_init(actor *self, const void *arg)
{
	return look_again(self);
}

static const struct actor_method supervisor_methods[] = {
	{.name = "broker_up", .on_cast = on_broker_up},
	{.name = "broker_down", .on_cast = on_nothing},
	{.name = "handed_over", .on_cast = on_handed_over},
	{.name = "group_hello", .on_cast = on_nothing},
	{.name = "group_ready", .on_cast = on_nothing},
	{.name = "group_gone", .on_cast = on_nothing},
	{.name = "look", .on_cast = on_look},
	{.name = "monitor", .on_call = on_monitor},
	{.name = "demonitor", .on_cast = on_demonitor},
	{0},
};
static const struct actor_behavior supervisor_behavior = {
	.name = "supervisor", .methods = supervisor_methods, .init = supervisor_init};

static void supervisor_log(const char *line, void *arg)
{
	if (!process_is_dead())
		sim_event("says: %s", line);
}

void supervisor_main(struct process *process)
{
	char path[128];
	struct service_options options = {.name = "$spawner",
		.runtime_dir = sim.dir,
		.node = SIM_NODE,
		.group = process->group,
		.listen_path = path,
		.broker_up_method = "broker_up",
		.broker_down_method = "broker_down",
		.handed_over_method = "handed_over",
		.log = supervisor_log};

	memcpy(options.key, sim.key, sizeof(options.key));
	snprintf(path, sizeof(path), "%s/spawner.ipc", sim.dir);
	list_for_each(it, &exits)
		container_of(it, struct exit_seen, link)->told = 0;
	list_for_each(it, &process_watches)
		container_of(it, struct process_watch, link)->told = 0;
	if (service_group_new(&process->actors, &options) < 0) {
		if (!process->dead)
			sim_fail("the supervisor cannot be made");
		return;
	}
	if (actor_group_spawn(process->actors, &supervisor_behavior, NULL, NULL, NULL) == 0) {
		process->up = true;
		(void)actor_group_run(process->actors);
	}
	process->actors = actor_group_free(process->actors);
}

void supervisor_forget(void)
{
	while (!list_is_empty(&exits))
		free(container_of(list_pop(&exits), struct exit_seen, link));
	while (!list_is_empty(&process_watches))
		free(container_of(list_pop(&process_watches), struct process_watch, link));
}
