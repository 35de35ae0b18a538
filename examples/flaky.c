/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flaky [--name NAME]: dies for real, in each of these ways
 *
 *   crash segv   writes through a bad pointer
 *   crash abort  calls abort()
 *   crash exit   calls exit(3), or exit() with the code given
 *   crash hang   loops for ever: the process lives on but answers nobody, until somebody kills it
 *   crash oom    uses memory until there is none. The program limits its own address space first
 *                (RLIMIT_AS), so that it runs out long before the machine does. Like most programs it does
 *                not check what malloc returns.
 *
 * The caller of `crash` is answered by the runtime: its call ends with an error that says how the process
 * ended.
 */
#include <actor/actor.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define OOM_LIMIT_BYTES (512 << 20)
#define OOM_STEP_BYTES  (1 << 20)

struct flaky {
	int64_t pings;
};

static void crash_segv(int code)
{
	int *volatile nowhere = (int *)sizeof(int);

	*nowhere = code;
}

static void crash_abort(int code)
{
	abort();
}

static void crash_exit(int code)
{
	exit(code);
}

static void crash_hang(int code)
{
	for (;;)
		;
}

static void crash_oom(int code)
{
	const struct rlimit limit = {OOM_LIMIT_BYTES, OOM_LIMIT_BYTES};
	struct block {
		struct block *next;
		char bytes[OOM_STEP_BYTES - sizeof(struct block *)];
	} *blocks = NULL, *block;

	if (setrlimit(RLIMIT_AS, &limit) < 0)
		return; /* without the limit it is too dangerous */
	for (;;) {
		block = malloc(sizeof(*block));
		block->next = blocks;
		memset(block->bytes, 1, sizeof(block->bytes));
		blocks = block;
	}
}

static const struct crash {
	const char *kind;
	void (*run)(int code);
} crashes[] = {
	{"segv", crash_segv},
	{"abort", crash_abort},
	{"exit", crash_exit},
	{"hang", crash_hang},
	{"oom", crash_oom},
};

static int flaky_crash(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *kind;
	int code = 3;

	if (actor_msg_unpack(msg, "si?", &kind, &code) < 0)
		return actor_reply_error(from, "bad_args", "crash wants a kind, and for exit maybe a code");
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++) {
		if (!strcmp(kind, crashes[i].kind)) {
			printf("flaky: crash %s, as asked\n", kind);
			fflush(stdout);
			crashes[i].run(code);
		}
	}
	return actor_reply_error(
		from, "flaky.unknown_kind", "'%s' is none of segv, abort, exit, hang, oom", kind);
}

static int flaky_ping(actor *self, const actor_msg *msg, actor_from *from)
{
	struct flaky *flaky = actor_state(self);

	flaky->pings++;
	return actor_reply(from, "s", "pong");
}

static int flaky_get(actor *self, const actor_msg *msg, actor_from *from)
{
	const struct flaky *flaky = actor_state(self);

	return actor_reply(from, "I", flaky->pings);
}

static const struct actor_method flaky_methods[] = {
	{.name = "crash",
		.on_call = flaky_crash,
		.args = "kind:str code:int?",
		.doc = "dies of segv, abort, exit, hang or oom"},
	{.name = "ping", .on_call = flaky_ping, .doc = "answers pong"},
	{.name = "get", .on_call = flaky_get, .doc = "answers how many pings this life has seen"},
	{0},
};

static const struct actor_behavior flaky = {
	.name = "flaky",
	.state_size = sizeof(struct flaky),
	.methods = flaky_methods,
};

int main(int argc, char **argv)
{
	const char *name = argc == 3 && !strcmp(argv[1], "--name") ? argv[2] : "flaky";

	if (argc != 1 && name != argv[2])
		return fprintf(stderr, "usage: flaky [--name NAME]\n"), 2;
	return actor_main(&flaky, NULL, name);
}
