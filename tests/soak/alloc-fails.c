/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alloc-fails [SCENARIO [FIRST [N]]]: whole scenarios, in which the first allocation fails, then the second
 * one, the third one, until a scenario passes that none has disturbed. Then the same with all allocations
 * from that one on for a while. Each call either works or gives an error code. Nothing crashes, hangs or
 * leaks, and afterwards the group works as before. The end of the group is part of every second run.
 *
 * With ACTOR_BROKER scenarios in a node are run too. A broker and another group are then processes beside
 * this one, whose allocations do not fail.
 */
#include "alloc-fails.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "outside.h"

#define HANG_S 40
#define BURST  25 /* how many allocations fail one after the other in the second form */

static const struct scenario *playing;
static size_t playing_first, playing_n;
static bool checked, driver_ran;

void scenario_fails(const char *file, int line, const char *what, int r)
{
	fprintf(stderr, "alloc-fails %s %zu %zu: %s:%d: %s", playing->name, playing_first, playing_n, file,
		line, what);
	fprintf(stderr, r < 0 ? " is %d (%s)\n" : "\n", r, actor_strerror(r));
	abort();
}

static void on_alarm(int signo)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "alloc-fails %s %zu %zu hangs\n", playing->name, playing_first,
		playing_n);

	(void)!write(STDERR_FILENO, text, (size_t)n);
	abort();
}

bool result_is_expected(int r)
{
	if (playing && playing->mode != ACTOR_JOIN_NONE && r == -ENOTCONN)
		return true;
	return r >= 0 || r == -ENOMEM || r == -EREMOTEIO || r == -ECONNRESET || r == -ESRCH ||
	       r == -ECANCELED;
}

/* ---- the driver, in which a scenario runs ---- */

static int driver_run(actor *self, const actor_msg *msg)
{
	driver_ran = true;
	playing->fn(self);
	actor_group_stop(actor_group_of(self));
	return 0;
}

static int driver_init(actor *self, const void *arg)
{
	return actor_cast(self, actor_to(actor_self(self)), "run", "");
}

static int driver_hears(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	return 0;
}

static int driver_traps(actor *self, actor_ref from, const struct actor_cause *cause)
{
	return 0;
}

static int driver_sees_pg(actor *self, uint64_t monitor, const struct actor_pg_event *event)
{
	return 0;
}

static int driver_sees_name(actor *self, uint64_t watch, const struct actor_name_event *event)
{
	return 0;
}

static const struct actor_method driver_methods[] = {{.name = "run", .on_cast = driver_run}, {0}};
static const struct actor_behavior driver = {.name = "driver",
	.methods = driver_methods,
	.init = driver_init,
	.on_down = driver_hears,
	.on_pg = driver_sees_pg,
	.on_name = driver_sees_name,
	.on_exit = driver_traps};

/* ---- the group works afterwards ---- */

static int checker_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	must(!strcmp(cause->reason, "shutdown"));
	checked = true;
	return actor_stop(self, actor_self(self), NULL);
}

/*
 * For want of memory a link may have been cut on which a frame is missing. Then it is made again. A group
 * without a token that loses its link to the broker may have to end, like any client.
 */
static bool calls_reach_the_peer(actor *self)
{
	int r, n = 0, tries = 0;
	actor_msg *reply;

	do {
		r = actor_call(self, actor_named("peer"), "echo", ACTOR_FOREVER, &reply, "i", 8);
		must(r == 0 || r == -ECONNRESET || r == -ENOTCONN || r == -ESRCH || r == -ECANCELED);
	} while (r != 0 && ++tries < 500 && actor_sleep(self, 10) == 0);
	if (r == -ENOTCONN || r == -ECANCELED)
		return false; /* actor_group_run() says the same */
	must_work(r);
	must(actor_msg_unpack(reply, "i", &n) == 0 && n == 8);
	actor_msg_free(reply);
	return true;
}

static int checker_run(actor *self, const actor_msg *msg)
{
	actor_msg *reply = NULL;
	uint64_t monitor;
	actor_ref who;
	int n = 0;

	must_work(actor_spawn(self, &server, NULL, &who));
	must_work(actor_call(self, actor_to(who), "echo", ACTOR_FOREVER, &reply, "i", 7));
	must(actor_msg_unpack(reply, "i", &n) == 0 && n == 7);
	actor_msg_free(reply);
	if (playing->mode != ACTOR_JOIN_NONE && !calls_reach_the_peer(self))
		return 0;
	must_work(actor_monitor(self, who, &monitor));
	must_work(actor_sleep(self, 1));
	must_work(actor_stop(self, who, "shutdown"));
	return 0;
}

static int checker_init(actor *self, const void *arg)
{
	return actor_cast(self, actor_to(actor_self(self)), "run", "");
}

static const struct actor_method checker_methods[] = {{.name = "run", .on_cast = checker_run}, {0}};
static const struct actor_behavior checker = {
	.name = "checker", .methods = checker_methods, .init = checker_init, .on_down = checker_down};

static void group_works(actor_group *group)
{
	int r;

	checked = false;
	must_work(actor_group_spawn(group, &checker, NULL, NULL, NULL));
	r = actor_group_run(group);
	if (r == -ENOTCONN && playing->mode != ACTOR_JOIN_NONE)
		return; /* its link to the broker was cut for want of memory, and the node has given it up */
	must_work(r);
	must(checked);
}

/* ---- one run, and all of them ---- */

static void log_nothing(const char *line, void *arg)
{
}

static void play_group(const struct scenario *scenario, bool end_too)
{
	struct actor_group_options options = {
		.name = "short", .mode = scenario->mode, .ignore_token = true, .log = log_nothing};
	actor_group *group = NULL;
	int r = actor_group_new(&group, &options);

	if (r < 0) {
		must(r == -ENOMEM || (r == -ENOTCONN && scenario->mode != ACTOR_JOIN_NONE));
		must(!group);
	} else if (may(actor_group_spawn(group, &driver, NULL, NULL, NULL)) == 0) {
		may(actor_group_run(group));
		must(driver_ran || short_n_failed);
	}
	if (group && !end_too) {
		short_counts = false;
		group_works(group);
	}
	actor_group_free(group);
}

/* Returns whether any allocation was refused. */
static bool play(const struct scenario *scenario, size_t first, size_t n, bool end_too)
{
	long blocks = short_blocks();

	playing = scenario;
	playing_first = first;
	playing_n = n;
	alarm(HANG_S);
	short_begin(first, n);
	driver_ran = false;
	short_counts = true;
	if (scenario->fn)
		play_group(scenario, end_too);
	else
		client_scenario();
	short_counts = false;
	/* What a process makes once is made in an unhurt run. */
	if (first && short_blocks() != blocks)
		scenario_fails(__FILE__, __LINE__, "blocks are left", 0);
	return short_n_failed > 0;
}

static void play_all(const struct scenario *scenario, size_t burst)
{
	size_t first = 1, n_most = 0;

	play(scenario, 0, 0, true); /* what the process allocates once is there after this */
	/* How many there are depends on what comes when, so a few beyond the last one are tried. */
	for (size_t unhurt = 0; unhurt < 4; first++) {
		unhurt = play(scenario, first, burst, first % 2) ? 0 : unhurt + 1;
		n_most = short_n > n_most ? short_n : n_most;
	}
	printf("ok %s: %zu allocations, %zu at once\n", scenario->name, n_most, burst);
	fflush(stdout);
}

static void play_list(const struct scenario *scenarios, const char *only, size_t first, size_t n)
{
	for (const struct scenario *it = scenarios; it->name; it++) {
		if (only && strcmp(only, it->name) != 0)
			continue;
		if (first) {
			play(it, 0, 0, true);
			play(it, first, n, first % 2);
			continue;
		}
		play_all(it, 1);
		play_all(it, BURST);
	}
}

/* ---- the node ---- */

static int peer_init(actor *self, const void *arg)
{
	return actor_pg_join(self, "peers", "all");
}

static int peer_main(void)
{
	struct actor_behavior peer = server;

	peer.init = peer_init;
	peer.on_exit = driver_traps; /* of the links that scenarios make */
	return actor_main(&peer, NULL, "peer");
}

static void node_start(void)
{
	actor_client *client;
	actor_ref ref;

	outside_open("alloc-fails");
	outside_broker_start();
	client = outside_client(ACTOR_JOIN_BROKER);
	outside_start((const char *const[]){"/proc/self/exe", "peer", NULL});
	outside_find(client, "peer", &ref);
	actor_client_free(client);
}

int main(int argc, char **argv)
{
	const char *only = argc > 1 ? argv[1] : NULL;
	size_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
	size_t n = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;

	if (only && !strcmp(only, "peer"))
		return peer_main();
	signal(SIGALRM, on_alarm);
	play_list(local_scenarios, only, first, n);
	if (getenv("ACTOR_BROKER")) {
		node_start();
		play_list(node_scenarios, only, first, n);
		outside_close();
	}
	return 0;
}
