/* SPDX-License-Identifier: Apache-2.0 */
/* lines FILE: a thread that blocks in read(2) and a signal handler both cast to the actor. */
#include <actor/actor.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct lines {
	int64_t n_lines;
	int64_t n_signals;
	char last[256];
};

static actor_inlet *signal_inlet; /* the signal handler's reference */

/* A signal handler may neither wait nor allocate. actor_post_bytes() does neither. */
static void on_usr1(int signo)
{
	(void)actor_post_bytes(signal_inlet, &signo, sizeof(signo));
}

struct reader {
	const char *path;
	actor_inlet *inlet; /* the thread's reference */
};

static void *reader_main(void *arg)
{
	struct reader *reader = arg;
	FILE *file = fopen(reader->path, "r"); /* if FILE is a FIFO, this waits for a writer */
	char line[256];
	int r = 0;

	while (r != -ESRCH && file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = 0;
		/* if the actor does not keep up, the thread waits, and so does the writer of a FIFO */
		while ((r = actor_post(reader->inlet, "line", "s", line)) == -EBUSY)
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	if (file)
		fclose(file);
	(void)actor_post(reader->inlet, "end", "");
	actor_inlet_free(reader->inlet);
	free(reader);
	return NULL;
}

static int lines_init(actor *self, const void *arg)
{
	struct sigaction action = {.sa_handler = on_usr1, .sa_flags = SA_RESTART};
	struct reader *reader = malloc(sizeof(*reader));
	pthread_t thread;
	int r;

	r = reader ? actor_inlet_new(self, "signal", &signal_inlet) : -ENOMEM;
	if (r < 0) {
		free(reader);
		return r;
	}
	*reader = (struct reader){.path = arg, .inlet = actor_inlet_keep(signal_inlet)};
	sigemptyset(&action.sa_mask);
	sigaction(SIGUSR1, &action, NULL);
	r = -pthread_create(&thread, NULL, reader_main, reader);
	if (r == 0)
		/* the thread may block for ever; its inlet stays valid after the actor's end */
		pthread_detach(thread);
	return r;
}

static int lines_line(actor *self, const actor_msg *msg)
{
	struct lines *lines = actor_state(self);
	const char *line;

	if (actor_msg_unpack(msg, "s", &line) < 0)
		return 0;
	lines->n_lines++;
	snprintf(lines->last, sizeof(lines->last), "%s", line);
	return 0;
}

static int lines_end(actor *self, const actor_msg *msg)
{
	return actor_stop(self, actor_self(self), NULL);
}

static int lines_signal(actor *self, const actor_msg *msg)
{
	((struct lines *)actor_state(self))->n_signals++;
	return 0;
}

static int lines_get(actor *self, const actor_msg *msg, actor_from *from)
{
	struct lines *lines = actor_state(self);

	return actor_reply(from, "[IsI]", lines->n_lines, lines->last, lines->n_signals);
}

static const struct actor_method lines_methods[] = {
	{.name = "get",
		.on_call = lines_get,
		.doc = "answers how many lines, the last one, how many signals"},
	{.name = "line", .on_cast = lines_line},
	{.name = "end", .on_cast = lines_end},
	{.name = "signal", .on_cast = lines_signal},
	{0},
};

static const struct actor_behavior lines = {
	.name = "lines",
	.state_size = sizeof(struct lines),
	.methods = lines_methods,
	.init = lines_init,
};

int main(int argc, char **argv)
{
	if (argc != 2)
		return fprintf(stderr, "usage: lines FILE\n"), 2;
	return actor_main(&lines, argv[1], "lines");
}
