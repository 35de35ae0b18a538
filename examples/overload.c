/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overload [--name NAME] [refuse | drop-newest | drop-oldest]: readings come faster than they can be shown
 *   actorctl call display burst 500    500 readings at once: answers how many were taken and how many refused
 *   actorctl call display seen         answers how many were shown, the last of them, how many were lost
 *   actorctl describe display          what became of all messages
 *
 * A display has room for 10 readings and shows one in 2 ms. Further readings are refused or lost: with
 * drop-oldest the oldest are lost, with drop-newest the newest. The display is told how many were lost.
 * Another actor gets each lost reading as a dead letter. A caller of a display that is full is told when to
 * ask again.
 */
#include <actor/actor.h>
#include <actor/overload.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- an actor that gets the dead letters ---- */

static int undertaker_init(actor *self, const void *arg)
{
	return actor_dead_letters(self, true);
}

static int undertaker_letter(actor *self, const struct actor_dead_letter *letter)
{
	int64_t n;

	if (actor_msg_unpack(letter->msg, "I", &n) == 0)
		printf("reading %lld was lost\n", (long long)n);
	fflush(stdout);
	return 0;
}

static const struct actor_behavior undertaker = {
	.name = "undertaker", .init = undertaker_init, .on_dead_letter = undertaker_letter};

/* ---- the display ---- */

struct display {
	int64_t shown, last, lost;
};

static int display_init(actor *self, const void *arg)
{
	actor_ref ref;
	int r = actor_spawn(self, &undertaker, NULL, &ref);

	return r < 0 ? r
		     : actor_overload(
			       self, &(struct actor_overload){.overflow = *(const enum actor_overflow *)arg,
					     .max_messages = 10});
}

static int display_show(actor *self, const actor_msg *msg)
{
	struct display *display = actor_state(self);

	if (actor_msg_unpack(msg, "I", &display->last) < 0)
		return 0;
	display->shown++;
	return actor_sleep(self, 2);
}

static int display_seen(actor *self, const actor_msg *msg, actor_from *from)
{
	const struct display *display = actor_state(self);

	return actor_reply(from, "[III]", display->shown, display->last, display->lost);
}

/* The casts of an actor to itself wait in its mailbox like those of others. */
static int display_burst(actor *self, const actor_msg *msg, actor_from *from)
{
	int64_t n, n_taken = 0, n_refused = 0;

	if (actor_msg_unpack(msg, "I", &n) < 0)
		return actor_reply_error(from, "bad_args", "burst wants an integer");
	for (int64_t i = 0; i < n; i++) {
		int r = actor_cast(self, actor_to(actor_self(self)), "show", "I", i);

		n_taken += r == 0;
		n_refused += r == -EBUSY;
	}
	return actor_reply(from, "[II]", n_taken, n_refused);
}

/* Lost calls are counted too. */
static int display_overload(
	actor *self, const struct actor_overload_stats *now, const struct actor_overload_stats *all)
{
	struct display *display = actor_state(self);

	for (int why = 0; why < ACTOR_LOSSES; why++)
		display->lost += (int64_t)now->lost[why];
	return 0;
}

static const struct actor_method display_methods[] = {
	{.name = "show", .on_cast = display_show, .args = "n:int", .doc = "shows a reading"},
	{.name = "seen",
		.on_call = display_seen,
		.doc = "answers how many were shown, the last, how many lost"},
	{.name = "burst",
		.on_call = display_burst,
		.args = "n:int",
		.doc = "makes so many readings at once: answers how many were taken and refused"},
	{0},
};

static const struct actor_behavior display_behavior = {
	.name = "display",
	.state_size = sizeof(struct display),
	.methods = display_methods,
	.init = display_init,
	.on_overload = display_overload,
};

static const struct {
	const char *word;
	enum actor_overflow overflow;
} words[] = {
	{"drop-oldest", ACTOR_DROP_OLDEST}, {"drop-newest", ACTOR_DROP_NEWEST}, {"refuse", ACTOR_REFUSE}};

int main(int argc, char **argv)
{
	const char *name = "display", *word = words[0].word;
	int at = 1;

	if (argc > 2 && !strcmp(argv[1], "--name")) {
		name = argv[2];
		at = 3;
	}
	if (at < argc)
		word = argv[at++];
	for (size_t i = 0; at == argc && i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(word, words[i].word))
			return actor_main(&display_behavior, &words[i].overflow, name);
	return fprintf(stderr, "usage: overload [--name NAME] [refuse | drop-newest | drop-oldest]\n"), 2;
}
