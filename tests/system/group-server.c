/* SPDX-License-Identifier: Apache-2.0 */
/* The other group of test-group*: an actor that does what its methods say. */
#include "tests/system/group-world.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/base/base.h"

static int64_t ticks;
static int last_round, rounds;
static const struct actor_behavior twin_behavior;

static int server_echo(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *s;
	size_t length;

	if (actor_msg_unpack(msg, "s#", &s, &length) < 0)
		return actor_reply_error(from, "server.bad_argument", "echo wants a string");
	return actor_reply(from, "s#", s, length);
}

static int server_tick(actor *self, const actor_msg *msg)
{
	ticks++;
	return 0;
}

static int server_ticks(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "I", ticks);
}

/* [to, n]: sends n numbered casts, and then dies without a word. */
static int server_say_and_die(actor *self, const actor_msg *msg)
{
	actor_ref to;
	int n;

	if (actor_msg_unpack(msg, "ri", &to, &n) < 0)
		return -EINVAL;
	for (int i = 0; i < n; i++)
		if (actor_cast(self, actor_to(to), "say", "i", i) < 0)
			return -EIO;
	/* The bytes need a moment to leave: what nng still holds dies with the process. */
	return actor_send_after(self, 200, "die", NULL, "");
}

static int server_die(actor *self, const actor_msg *msg)
{
	kill(getpid(), SIGKILL);
	return 0;
}

static int server_leave(actor *self, const actor_msg *msg)
{
	return actor_stop(self, actor_self(self), "had enough");
}

static int server_hang(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_sleep(self, 60000);
	return 0;
}

static int server_relay(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_msg *reply = NULL;
	const char *name, *text;
	int r;

	if (actor_msg_unpack(msg, "s", &name) < 0)
		return -EINVAL;
	r = actor_call(self, actor_named(name), "echo", ACTOR_TIMEOUT_DEFAULT, &reply, "s", "through two");
	if (r == 0)
		r = actor_msg_unpack(reply, "s", &text);
	r = r < 0 ? actor_reply(from, "i", r) : actor_reply(from, "s", text);
	actor_msg_free(reply);
	return r;
}

/*
 * The flooder is a second actor of a server. It casts numbered kilobytes as fast as it may, while the server
 * goes on answering.
 */
static int64_t flooded;
static actor_ref flooder_ref;

static int flooder_flood(actor *self, const actor_msg *msg)
{
	char kilobyte[1000] = "";
	actor_ref to;
	int from, n;

	if (actor_msg_unpack(msg, "rii", &to, &from, &n) < 0)
		return -EINVAL;
	for (int i = 0; i < n; i++) {
		if (actor_cast(self, actor_to(to), "numbered", "iiy#", from, i, kilobyte, sizeof(kilobyte)) <
			0)
			return -EIO;
		flooded++;
	}
	return 0;
}

/*
 * [name, names]: calls `round` of the actor @name with the other names. The answer is what the innermost call
 * returned. Without a name it is 0. With a "!" before @name the caller is answered before that call.
 */
static int server_round(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_msg *reply = NULL;
	const char *name, *rest;
	int r, inner = 0;

	if (actor_msg_unpack(msg, "ss", &name, &rest) < 0)
		return -EINVAL;
	if (!*name)
		return actor_reply(from, "i", 0);
	if (*name == '!') {
		r = actor_reply(from, "i", 0);
		if (r < 0)
			return r;
	}
	{
		char next[64];
		size_t n = strcspn(rest, " ");

		snprintf(next, sizeof(next), "%.*s", (int)n, rest);
		r = actor_call(self, actor_named(name + (*name == '!')), "round", LONG_MS, &reply, "ss", next,
			rest[n] ? rest + n + 1 : "");
	}
	if (r == 0 && actor_msg_unpack(reply, "i", &inner) < 0)
		inner = -EPROTO;
	actor_msg_free(reply);
	last_round = r ? r : inner;
	rounds++;
	return *name == '!' ? 0 : actor_reply(from, "i", last_round);
}

static int server_last_round(actor *self, const actor_msg *msg, actor_from *from)
{
	return rounds ? actor_reply(from, "i", last_round)
		      : actor_reply_error(from, "server.no_round", "there was none yet");
}

/* [name]: makes such a round from a cast, so nobody waits for it. */
static int server_start_round(actor *self, const actor_msg *msg)
{
	actor_msg *reply = NULL;
	const char *name;
	int r;

	if (actor_msg_unpack(msg, "s", &name) < 0)
		return -EINVAL;
	r = actor_call(self, actor_named(name), "round", LONG_MS, &reply, "ss", "", "");
	actor_msg_free(reply);
	last_round = r;
	rounds++;
	return 0;
}

/*
 * Takes two names, the second of them twice. Then gives back a name that it has not, and the second name
 * twice. The answer is what these three returned.
 */
static int server_names(actor *self, const actor_msg *msg, actor_from *from)
{
	int foreign, second, again;

	if (actor_register(self, "echo-1") < 0 || actor_register(self, "echo-2") < 0 ||
		actor_register(self, "echo-2") < 0)
		return -EEXIST;
	foreign = actor_unregister(self, "echo-3");
	second = actor_unregister(self, "echo-2");
	again = actor_unregister(self, "echo-2");
	return actor_reply(from, "[iii]", foreign, second, again);
}

/* [name]: spawns another actor of this group that takes the name. */
static int server_twin(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *name;
	int r;

	if (actor_msg_unpack(msg, "s", &name) < 0)
		return -EINVAL;
	r = actor_spawn(self, &twin_behavior, name, NULL);
	return actor_reply(from, "i", r);
}

static int twin_init(actor *self, const void *arg)
{
	return actor_register(self, arg);
}

/*
 * An actor takes a name and then fails. The answer is what its spawner was told, how many actors there are
 * then, and whether the name is free.
 */
static int failing_init(actor *self, const void *arg)
{
	int r = actor_register(self, arg);

	return r < 0 ? r : -ENOSPC;
}

static const struct actor_behavior failing_behavior = {.name = "failing", .init = failing_init};

static int server_failing(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *name;
	size_t n_alive;
	int r;

	if (actor_msg_unpack(msg, "s", &name) < 0)
		return -EINVAL;
	r = actor_spawn(self, &failing_behavior, name, NULL);
	n_alive = actor_group_of(self)->n_alive;
	return actor_reply(from, "[iUi]", r, (uint64_t)n_alive, actor_register(self, name));
}

static const struct actor_method twin_methods[] = {{.name = "round", .on_call = server_round}, {0}};
static const struct actor_behavior twin_behavior = {
	.name = "twin", .methods = twin_methods, .init = twin_init};

static const struct actor_method flooder_methods[] = {{.name = "flood", .on_cast = flooder_flood}, {0}};
static const struct actor_behavior flooder_behavior = {.name = "flooder", .methods = flooder_methods};

static int server_flood(actor *self, const actor_msg *msg)
{
	actor_ref flooder, to;
	int from, n;

	if (actor_msg_unpack(msg, "rii", &to, &from, &n) < 0)
		return -EINVAL;
	if (actor_spawn(self, &flooder_behavior, NULL, &flooder) < 0)
		return -ENOMEM;
	flooder_ref = flooder;
	return actor_cast(self, actor_to(flooder), "flood", "rii", to, from, n);
}

/*
 * This actor gets the cast `flooder_failed` when the flooder has ended, which it does when a cast is refused.
 */
static actor_ref flooder_watcher;

static int server_watch_flooder(actor *self, const actor_msg *msg)
{
	if (actor_msg_unpack(msg, "r", &flooder_watcher) < 0)
		return -EINVAL;
	return actor_monitor(self, flooder_ref, NULL);
}

static int server_on_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	return actor_cast(self, actor_to(flooder_watcher), "flooder_failed", "s", cause->reason);
}

static int server_flush(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "i", actor_flush(self, LONG_MS));
}

static int server_flooded(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "I", flooded);
}

static int numbered[FLOODERS_N];

static int server_numbered(actor *self, const actor_msg *msg)
{
	const void *data;
	size_t n;
	int from, i;

	if (actor_msg_unpack(msg, "iiy#", &from, &i, &data, &n) < 0 || from < 0 || from >= FLOODERS_N)
		return -EINVAL;
	if (numbered[from] != i)
		return -EPROTO; /* ends this actor, and with it the test */
	numbered[from]++;
	ticks++;
	return 0;
}

/* `hold` is busy until SIGUSR1: no message can be handled meanwhile, so none can end it. */
static volatile sig_atomic_t released;

static void release(int signo)
{
	released = 1;
}

static int server_hold(actor *self, const actor_msg *msg)
{
	while (!released)
		actor_sleep(self, 1);
	return 0;
}

static const struct actor_method server_methods[] = {
	{.name = "flood", .on_cast = server_flood},
	{.name = "flooded", .on_call = server_flooded},
	{.name = "flush", .on_call = server_flush},
	{.name = "watch_flooder", .on_cast = server_watch_flooder},
	{.name = "numbered", .on_cast = server_numbered},
	{.name = "hold", .on_cast = server_hold},
	{.name = "echo", .on_call = server_echo},
	{.name = "tick", .on_cast = server_tick},
	{.name = "ticks", .on_call = server_ticks},
	{.name = "say_and_die", .on_cast = server_say_and_die},
	{.name = "die", .on_cast = server_die},
	{.name = "leave", .on_cast = server_leave},
	{.name = "hang", .on_call = server_hang},
	{.name = "relay", .on_call = server_relay},
	{.name = "round", .on_call = server_round},
	{.name = "start_round", .on_cast = server_start_round},
	{.name = "last_round", .on_call = server_last_round},
	{.name = "names", .on_call = server_names},
	{.name = "twin", .on_call = server_twin},
	{.name = "failing", .on_call = server_failing},
	{0},
};

static const struct actor_behavior server_behavior = {
	.name = "server", .methods = server_methods, .on_down = server_on_down};

bool is_server(int argc, char **argv)
{
	return argc == 3 && !strcmp(argv[1], "server");
}

int server_main(char **argv)
{
	signal(SIGUSR1, release);
	return actor_main(&server_behavior, NULL, argv[2]);
}
