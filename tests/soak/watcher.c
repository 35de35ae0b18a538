/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watcher GROUP: an actor program that watches a process until its end. For kill-steps.py. It writes lines to
 * stdout: "watching" when the supervisor has answered, "down REASON CODE" for each notice. It stays until
 * TERM, so that a second notice would be seen.
 */
#include <actor/actor.h>
#include <stdio.h>

static int watcher_init(actor *self, const void *arg)
{
	*(actor_ref *)actor_state(self) = *(const actor_ref *)arg;
	return actor_send_after(self, 0, "go", NULL, "");
}

static int on_go(actor *self, const actor_msg *msg)
{
	int r = actor_monitor(self, *(const actor_ref *)actor_state(self), NULL);

	if (r < 0)
		return r;
	puts("watching");
	return 0;
}

static int on_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	printf("down %s %d\n", cause->reason, cause->code);
	return 0;
}

static const struct actor_method methods[] = {
	{.name = "go", .on_cast = on_go},
	{0},
};

static const struct actor_behavior watcher = {
	.name = "watcher",
	.state_size = sizeof(actor_ref),
	.init = watcher_init,
	.methods = methods,
	.on_down = on_down,
};

int main(int argc, char **argv)
{
	actor_ref group;

	if (argc != 2 || actor_ref_parse(argv[1], &group) < 0)
		return 2;
	group.serial = 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	return actor_main(&watcher, &group, NULL);
}
