/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checksum: reads files on helper threads, since reading blocks. Each call gets its own actor, which waits
 * for its thread.
 */
#include <actor/actor.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
	char *path; /* the present owner of the struct frees it */
	uint64_t n_bytes, sum;
	int error;
};

/* Runs on a helper thread. It may block, and must not call the library. */
static void reading_read(void *data)
{
	struct reading *reading = data;
	FILE *file = fopen(reading->path, "r");
	int c;

	if (!file) {
		reading->error = errno;
		return;
	}
	reading->sum = 0xcbf29ce484222325; /* FNV-1a */
	while ((c = getc(file)) != EOF) {
		reading->sum = (reading->sum ^ (unsigned char)c) * 0x100000001b3;
		reading->n_bytes++;
	}
	if (ferror(file))
		reading->error = EIO;
	fclose(file);
}

static void reading_drop(void *data)
{
	free(((struct reading *)data)->path);
}

struct order {
	char *path;
	actor_from *from;
};

static int worker_go(actor *self, const actor_msg *msg)
{
	struct order *order = actor_state(self);
	struct reading reading = {.path = order->path};
	char sum[17];
	int r;

	order->path = NULL;
	r = actor_offload(self, reading_read, &reading, sizeof(reading), reading_drop, 60000);
	snprintf(sum, sizeof(sum), "%016" PRIx64, reading.sum);
	if (r < 0)
		(void)actor_reply_error(order->from, "checksum.failed", "%s", actor_strerror(r));
	else if (reading.error)
		(void)actor_reply_error(
			order->from, "checksum.failed", "%s: %s", reading.path, strerror(reading.error));
	else
		(void)actor_reply(order->from, "[Us]", reading.n_bytes, sum);
	if (r == 0)
		free(reading.path);
	return actor_stop(self, actor_self(self), NULL);
}

static int worker_init(actor *self, const void *arg)
{
	struct order *order = actor_state(self);

	*order = *(const struct order *)arg;
	return actor_cast(self, actor_to(actor_self(self)), "go", "");
}

static const struct actor_method worker_methods[] = {{.name = "go", .on_cast = worker_go}, {0}};

static const struct actor_behavior worker = {
	.name = "checksum-worker",
	.state_size = sizeof(struct order),
	.methods = worker_methods,
	.init = worker_init,
};

static int checksum_of(actor *self, const actor_msg *msg, actor_from *from)
{
	struct order order = {0};
	const char *path;
	actor_ref ref;

	if (actor_msg_unpack(msg, "s", &path) < 0)
		return actor_reply_error(from, "bad_args", "of wants a path");
	order.path = strdup(path);
	order.from = order.path ? actor_from_keep(from) : NULL;
	if (!order.from || actor_spawn(self, &worker, &order, &ref) < 0) {
		free(order.path);
		return actor_reply_error(order.from ? order.from : from, "checksum.failed", "out of memory");
	}
	return 0;
}

static int checksum_ping(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "s", "pong");
}

static const struct actor_method checksum_methods[] = {
	{.name = "of", .on_call = checksum_of, .args = "path:str", .doc = "answers bytes and FNV-1a sum"},
	{.name = "ping", .on_call = checksum_ping, .doc = "answers pong, whatever is read"},
	{0},
};

static const struct actor_behavior checksum = {.name = "checksum", .methods = checksum_methods};

int main(void)
{
	return actor_main(&checksum, NULL, "checksum");
}
