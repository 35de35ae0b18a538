/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pg-storm ROUNDS [SEED]: workers join, leave, name and call each other while the broker and workers are
 * killed. ACTOR_BROKER is the broker's program.
 *
 * Each worker monitors everything, and keeps an account of all memberships by the events alone. It is a
 * violation when one joins that is a member, or leaves that is none. After each round, when all is calm,
 * the accounts of all workers, their copies and the broker's roll must become the same within SETTLED_MS;
 * otherwise that is a violation, too. Each worker also calls one neighbour over a direct link all the time,
 * and the broker's death must not disturb these calls. Ends with a line of figures, and with status 1 after a
 * violation.
 */
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "actor/actor.h"

#define WORKERS  6
#define PGS      12
#define HELD_MAX 8192
#define LONG_MS  20000
/*
 * Within this time all accounts must be the same. For a second of it a new broker waits for groups that may
 * still announce themselves, since there is no supervisor to say which groups live.
 */
#define SETTLED_MS  2000
#define BATCH       40
#define KILLS_ROUND 4

static const char *self_program;
static char dir[64];

static void fail(const char *what, int r)
{
	fprintf(stderr, "pg-storm: %s: %s\n", what, actor_strerror(r));
	exit(1);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static uint64_t random_state = 1;

static uint32_t random_below(uint32_t n)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((random_state >> 32) * n >> 32);
}

/*
 * A number for a membership, which is the same in every process. A sum of such numbers does not depend on
 * their order.
 */
static uint64_t mix(const char *group, actor_ref ref, uint64_t id)
{
	uint64_t h = UINT64_C(1469598103934665603);

	for (; *group; group++)
		h = (h ^ (uint8_t)*group) * UINT64_C(1099511628211);
	h = (h ^ ref.group) * UINT64_C(0x9e3779b97f4a7c15);
	h = (h ^ ref.serial) * UINT64_C(0x9e3779b97f4a7c15);
	h = (h ^ id) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

/* ---- a worker ---- */

struct held {
	uint64_t key; /* 0: free; 1: free again */
};

static struct held held[HELD_MAX];
static uint64_t n_held, sum_held, n_events, n_violations, n_refused, n_calls, n_calls_failed;
static int n_joined[PGS];

/* False: @key was there, or was not there, already. */
static bool held_set(uint64_t key, bool there)
{
	struct held *empty = NULL;

	for (size_t i = 0; i < HELD_MAX; i++) {
		struct held *at = &held[(key + i) % HELD_MAX];

		if (at->key == key) {
			if (there)
				return false;
			at->key = 1; /* free again; the search must not stop here */
			return true;
		}
		if (at->key == 1 && !empty)
			empty = at;
		if (!at->key) {
			if (there)
				(empty ? empty : at)->key = key;
			return there;
		}
	}
	return false;
}

static int worker_on_pg(actor *self, uint64_t monitor, const struct actor_pg_event *event)
{
	uint64_t key = mix(event->group, event->who, event->id);

	n_events++;
	if (!held_set(key, event->joined)) {
		n_violations++;
		fprintf(stderr, "pg-storm: worker %d: %s of %s by %" PRIx64 " id %" PRIu64 " twice\n",
			getpid(), event->joined ? "join" : "leave", event->group, event->who.group,
			event->id);
		return 0;
	}
	n_held += event->joined ? 1 : (uint64_t)-1;
	sum_held += event->joined ? key : -key;
	return 0;
}

static const char *pg_name(uint32_t i, char text[16])
{
	snprintf(text, 16, "pg-%u", i);
	return text;
}

static int worker_churn(actor *self, const actor_msg *msg)
{
	char name[16];

	for (int i = 0; i < BATCH; i++) {
		uint32_t pg = random_below(PGS);
		int r;

		if (n_joined[pg] && (n_joined[pg] > 5 || random_below(2))) {
			r = actor_pg_leave(self, NULL, pg_name(pg, name));
			n_joined[pg]--; /* counted as left also when the broker did not answer */
		} else {
			r = actor_pg_join(self, NULL, pg_name(pg, name));
			n_joined[pg] += r == 0;
		}
		n_refused += r < 0;
		if (i % 8 == 0) {
			snprintf(name, sizeof(name), "n-%u", random_below(50));
			if (actor_register(self, name) == 0)
				(void)actor_unregister(self, name);
		}
	}
	return 0;
}

static int worker_poke(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "");
}

static actor_ref neighbour;

static int caller_call(actor *self, const actor_msg *msg)
{
	int r = actor_call(self, actor_to(neighbour), "poke", LONG_MS, NULL, "");

	n_calls++;
	n_calls_failed += r < 0;
	return r < 0 ? actor_stop(self, actor_self(self), "normal")
		     : actor_cast(self, actor_to(actor_self(self)), "call", "");
}

static const struct actor_method caller_methods[] = {{.name = "call", .on_cast = caller_call}, {0}};
static const struct actor_behavior caller_behavior = {.name = "caller", .methods = caller_methods};
static const struct actor_method poked_methods[] = {{.name = "poke", .on_call = worker_poke}, {0}};
static const struct actor_behavior poked_behavior = {.name = "poked", .methods = poked_methods};
static actor_ref poked;

/* Starts a caller that calls the `poked` actor of another worker over and over, until that ends. */
static int worker_neighbour(actor *self, const actor_msg *msg)
{
	actor_ref caller;
	int r;

	if (actor_msg_unpack(msg, "r", &neighbour) < 0)
		return -EINVAL;
	r = actor_spawn(self, &caller_behavior, NULL, &caller);
	return r < 0 ? r : actor_cast(self, actor_to(caller), "call", "");
}

static int worker_state(actor *self, const actor_msg *msg, actor_from *from)
{
	uint64_t n_copied = 0;
	char name[16];

	for (uint32_t i = 0; i < PGS; i++) {
		int n = actor_pg_members(self, NULL, pg_name(i, name), NULL, 0);

		n_copied += n < 0 ? 1000000 : (uint64_t)n;
	}
	return actor_reply(from, "[UUUUUUUUr]", n_held, sum_held, n_copied, n_events, n_violations, n_refused,
		n_calls, n_calls_failed, poked);
}

static int worker_init(actor *self, const void *arg)
{
	uint64_t monitor;
	int r;

	random_state = (uint64_t)getpid() * 77 + 1;
	r = actor_spawn(self, &poked_behavior, NULL, &poked);
	return r < 0 ? r : actor_pg_monitor(self, "", "", &monitor, NULL);
}

static const struct actor_method worker_methods[] = {
	{.name = "churn", .on_cast = worker_churn},
	{.name = "state", .on_call = worker_state},
	{.name = "neighbour", .on_cast = worker_neighbour},
	{0},
};
static const struct actor_behavior worker_behavior = {
	.name = "worker", .init = worker_init, .methods = worker_methods, .on_pg = worker_on_pg};

/* ---- the storm ---- */

static pid_t broker_pid, worker_pids[WORKERS];
static actor_ref workers[WORKERS];
static actor_client *client;
static int broker_number;

static pid_t start(const char *const *argv)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execv(argv[0], (char *const *)argv);
		_exit(127);
	}
	if (pid < 0)
		fail("fork", -errno);
	return pid;
}

static void kill_hard(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void broker_start(void)
{
	char group[16];

	snprintf(group, sizeof(group), "%d", ++broker_number);
	broker_pid = start((const char *const[]){getenv("ACTOR_BROKER"), "--runtime-dir", dir, "--node-id",
		"77", "--key-hex", "000102030405060708090a0b0c0d0e0f", "--group", group, NULL});
}

static void worker_start(int i)
{
	static int n_started;
	char name[32];
	int r;

	/* Each start has a new name: the client may still remember the dead worker by its old one. */
	snprintf(name, sizeof(name), "w%d-%d", i, ++n_started);
	worker_pids[i] = start((const char *const[]){self_program, "--worker", name, NULL});
	do {
		r = actor_client_whereis(client, name, &workers[i]);
		/*
		 * The broker may still be starting. Without a keeper the worker then finds no node, and ends.
		 */
		if (r == -ESRCH && waitpid(worker_pids[i], NULL, WNOHANG) == worker_pids[i])
			worker_pids[i] = start((const char *const[]){self_program, "--worker", name, NULL});
	} while (r == -ESRCH || r == -ENOTCONN || r == -ETIMEDOUT);
	if (r < 0)
		fail("whereis", r);
}

struct state {
	uint64_t n_held, sum_held, n_copied, n_events, n_violations, n_refused, n_calls, n_calls_failed;
	actor_ref poked;
};

static int state_of(int i, struct state *ret)
{
	actor_msg *reply = NULL;
	int r = actor_client_call(client, actor_to(workers[i]), "state", LONG_MS, &reply, "");

	if (r == 0)
		r = actor_msg_unpack(reply, "[UUUUUUUUr]", &ret->n_held, &ret->sum_held, &ret->n_copied,
			&ret->n_events, &ret->n_violations, &ret->n_refused, &ret->n_calls,
			&ret->n_calls_failed, &ret->poked);
	actor_msg_free(reply);
	return r;
}

/* How many memberships the broker has. */
static int truth(uint64_t *ret_n)
{
	actor_msg *reply = NULL;
	uint64_t n[PGS] = {0};
	const char *names[PGS];
	int r;

	*ret_n = 0;
	r = actor_client_call(
		client, actor_named("$broker"), "pg_groups", LONG_MS, &reply, "s", ACTOR_PG_SCOPE);
	if (r == 0)
		r = actor_msg_unpack(reply, "[[sU]?[sU]?[sU]?[sU]?[sU]?[sU]?[sU]?[sU]?[sU]?[sU]?[sU]?[sU]?]",
			&names[0], &n[0], &names[1], &n[1], &names[2], &n[2], &names[3], &n[3], &names[4],
			&n[4], &names[5], &n[5], &names[6], &n[6], &names[7], &n[7], &names[8], &n[8],
			&names[9], &n[9], &names[10], &n[10], &names[11], &n[11]);
	actor_msg_free(reply);
	for (int i = 0; i < PGS; i++)
		*ret_n += n[i];
	return r;
}

/* Whether the broker and all workers say the same. @complain: says which worker differs. */
static bool is_settled(bool complain)
{
	struct state first, state;
	uint64_t n;
	int r = truth(&n);

	if (r < 0) {
		if (complain)
			fprintf(stderr, "pg-storm: the broker: %s\n", actor_strerror(r));
		return false;
	}
	for (int i = 0; i < WORKERS; i++) {
		r = state_of(i, &state);
		if (i == 0)
			first = state;
		if (r == 0 && state.n_held == n && state.n_copied == n && state.sum_held == first.sum_held)
			continue;
		if (complain)
			fprintf(stderr,
				"pg-storm: worker %d (%s): %" PRIu64 " by events, %" PRIu64
				" in copies, %" PRIu64 " at the broker; sums %" PRIx64 " %" PRIx64 "\n",
				i, actor_strerror(r), state.n_held, state.n_copied, n, state.sum_held,
				first.sum_held);
		return false;
	}
	return true;
}

static void neighbours_start(int i)
{
	struct state next;
	int r = state_of((i + 1) % WORKERS, &next);

	if (r == 0)
		r = actor_client_cast(client, actor_to(workers[i]), "neighbour", "r", next.poked);
	if (r < 0)
		fail("neighbour", r);
}

static void churn_all(void)
{
	for (int i = 0; i < WORKERS; i++) {
		int r = actor_client_cast(client, actor_to(workers[i]), "churn", "");

		if (r < 0)
			fail("churn", r);
	}
	(void)actor_client_flush(client, LONG_MS);
}

/* Waits until all workers have handled their batch: each answers a call only after that. */
static void churn_await(void)
{
	for (int i = 0; i < WORKERS; i++) {
		struct state state;
		int r = state_of(i, &state);

		if (r < 0) {
			fprintf(stderr, "pg-storm: worker %d, process %d:\n", i, worker_pids[i]);
			fail("state", r);
		}
	}
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int storm(int n_rounds)
{
	int n_broker_kills = 0, n_worker_kills = 0, n_late = 0;
	int64_t longest_ms = 0, start_ms = now_ms();
	struct state sum = {0};
	int r;

	strcpy(dir, "/tmp/actor-pg-storm-XXXXXX");
	if (!mkdtemp(dir))
		fail("directory", -errno);
	setenv("ACTOR_RUNTIME_DIR", dir, 1);
	broker_start();
	do
		r = actor_client_new(
			&client, &(struct actor_group_options){
					 .name = "storm", .runtime_dir = dir, .mode = ACTOR_JOIN_DIRECT});
	while (r == -ENOTCONN);
	if (r < 0)
		fail("client", r);
	for (int i = 0; i < WORKERS; i++)
		worker_start(i);
	for (int i = 0; i < WORKERS; i++)
		neighbours_start(i);
	for (int round = 0; round < n_rounds; round++) {
		int64_t calm_ms, took_ms;
		int dead = -1;

		churn_all();
		for (int i = 0; i < KILLS_ROUND; i++) {
			usleep(random_below(20000));
			kill_hard(broker_pid);
			n_broker_kills++;
			if (dead < 0 && random_below(4) == 0) {
				dead = (int)random_below(WORKERS);
				kill_hard(worker_pids[dead]);
				n_worker_kills++;
			}
			usleep(random_below(5000));
			broker_start();
		}
		if (dead >= 0)
			worker_start(dead);
		churn_await();
		calm_ms = now_ms();
		while (!is_settled(false) && now_ms() < calm_ms + LONG_MS)
			usleep(1000);
		took_ms = now_ms() - calm_ms;
		longest_ms = took_ms > longest_ms ? took_ms : longest_ms;
		if (took_ms > SETTLED_MS) {
			n_late++;
			fprintf(stderr, "pg-storm: round %d settled after %" PRId64 " ms\n", round, took_ms);
			(void)is_settled(true);
		}
		if (dead >= 0) {
			neighbours_start(dead);
			neighbours_start((dead + WORKERS - 1) % WORKERS);
		}
	}
	for (int i = 0; i < WORKERS; i++) {
		struct state state;

		r = state_of(i, &state);
		if (r < 0)
			fail("state", r);
		sum.n_events += state.n_events;
		sum.n_violations += state.n_violations;
		sum.n_refused += state.n_refused;
		sum.n_calls += state.n_calls;
		sum.n_calls_failed += state.n_calls_failed;
	}
	actor_client_free(client);
	for (int i = 0; i < WORKERS; i++)
		kill_hard(worker_pids[i]);
	kill_hard(broker_pid);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	printf("{\"rounds\": %d, \"broker_kills\": %d, \"worker_kills\": %d, \"events\": %" PRIu64
	       ", \"events_wrong\": %" PRIu64 ", \"late\": %d, \"longest_settled_ms\": %" PRId64
	       ", \"joins_refused\": %" PRIu64 ", \"direct_calls\": %" PRIu64
	       ", \"direct_calls_failed\": %" PRIu64 ", \"seconds\": %" PRId64 "}\n",
		n_rounds, n_broker_kills, n_worker_kills, sum.n_events, sum.n_violations, n_late, longest_ms,
		sum.n_refused, sum.n_calls, sum.n_calls_failed, (now_ms() - start_ms) / 1000);
	return sum.n_violations || n_late || sum.n_calls_failed > (uint64_t)n_worker_kills;
}

int main(int argc, char **argv)
{
	self_program = argv[0];
	if (argc == 3 && !strcmp(argv[1], "--worker"))
		return actor_main(&worker_behavior, NULL, argv[2]);
	if (argc < 2 || argc > 3 || atoi(argv[1]) < 1 || !getenv("ACTOR_BROKER")) {
		fprintf(stderr, "usage: pg-storm ROUNDS [SEED], with ACTOR_BROKER in the environment\n");
		return 2;
	}
	random_state = argc == 3 ? strtoull(argv[2], NULL, 10) : 1;
	return storm(atoi(argv[1]));
}
