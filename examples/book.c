/* SPDX-License-Identifier: Apache-2.0 */
/*
 * book FILE [--name NAME]: reads a file to whoever asks for it, as a stream of its lines
 *   actorctl call --stream book read       a line of JSON for each line of the file
 *   actorctl call book state               how many read it now, and how many lines were sent in all
 *   reader book WORD [MAX]                 reads until it has found MAX lines (reader.c)
 *
 * A book has any number of readers at once, and the file may be of any size. A line is read from the file
 * when its reader has room for it. So a slow reader delays no other reader, and nobody's memory grows.
 */
#include <actor/actor.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
	struct reading *next;
	actor_from *from; /* kept: the stream goes on when the handler has returned */
	FILE *file;
	char *line;
	size_t line_room;
	bool line_waits; /* @line is read, and not sent: there was no credit */
	uint64_t n_sent;
};

struct book {
	const char *path;
	struct reading *readings;
	uint64_t n_sent;
};

static int book_init(actor *self, const void *arg)
{
	((struct book *)actor_state(self))->path = arg;
	return 0;
}

/* Closes the stream of @reading without an answer, if it has none. */
static void reading_free(struct book *book, struct reading *reading)
{
	struct reading **at = &book->readings;

	while (*at && *at != reading)
		at = &(*at)->next;
	if (*at)
		*at = reading->next;
	if (reading->file)
		fclose(reading->file);
	actor_from_free(reading->from);
	free(reading->line);
	free(reading);
}

static void book_terminate(actor *self, const struct actor_cause *cause)
{
	struct book *book = actor_state(self);

	while (book->readings)
		reading_free(book, book->readings);
}

static bool next_line(struct reading *reading)
{
	ssize_t n = getline(&reading->line, &reading->line_room, reading->file);

	if (n > 0 && reading->line[n - 1] == '\n')
		reading->line[n - 1] = 0;
	return n >= 0;
}

/* Sends what the reader has room for. It is called again when there is more room. */
static int read_on(actor *self, actor_from *from, void *arg)
{
	struct book *book = actor_state(self);
	struct reading *reading = arg;
	int r;

	while (reading->line_waits || next_line(reading)) {
		r = actor_stream_send(self, from, 0, "s", reading->line);
		reading->line_waits = r == -EAGAIN;
		if (r == -EAGAIN)
			return actor_stream_on_credit(self, from, read_on, reading);
		if (r == -EPIPE)
			return 0; /* the reader gave up: closed() comes next */
		if (r < 0) {
			actor_reply_error(from, "book.unreadable", "%s", actor_strerror(r));
			reading_free(book, reading);
			return 0;
		}
		reading->n_sent++;
		book->n_sent++;
	}
	if (ferror(reading->file))
		actor_reply_error(from, "book.unreadable", "%s", strerror(errno));
	else
		actor_reply(from, "U", reading->n_sent); /* this value is the end of the stream */
	reading_free(book, reading);
	return 0;
}

/* The reader has cancelled the stream, or is dead. */
static int closed(actor *self, actor_from *from, void *arg)
{
	reading_free(actor_state(self), arg);
	return 0;
}

static int book_read(actor *self, const actor_msg *msg, actor_from *from)
{
	struct book *book = actor_state(self);
	struct reading *reading;

	if (!actor_from_wants_stream(from))
		return actor_reply_error(from, "book.no_stream", "the lines come as a stream only");
	reading = calloc(1, sizeof(*reading));
	if (!reading)
		return actor_reply_error(from, "overloaded", "no memory");
	reading->file = fopen(book->path, "r");
	if (!reading->file) {
		free(reading);
		return actor_reply_error(from, "book.unreadable", "%s: %s", book->path, strerror(errno));
	}
	reading->next = book->readings;
	book->readings = reading;
	reading->from = actor_from_keep(from);
	if (!reading->from || actor_call_on_cancel(self, reading->from, closed, reading) < 0) {
		reading_free(book, reading);
		return 0;
	}
	return read_on(self, reading->from, reading);
}

static int book_state(actor *self, const actor_msg *msg, actor_from *from)
{
	struct book *book = actor_state(self);
	uint64_t n = 0;

	for (struct reading *reading = book->readings; reading; reading = reading->next)
		n++;
	return actor_reply(from, "{s:U,s:U}", "readers", n, "lines_sent", book->n_sent);
}

static const struct actor_method book_methods[] = {
	{.name = "read", .on_call = book_read, .args = "", .doc = "a stream of the lines of the file"},
	{.name = "state",
		.on_call = book_state,
		.args = "",
		.doc = "how many read now, how many lines were sent"},
	{0},
};

static const struct actor_behavior book = {
	.name = "book",
	.state_size = sizeof(struct book),
	.methods = book_methods,
	.init = book_init,
	.terminate = book_terminate,
};

int main(int argc, char **argv)
{
	if (argc != 2 && (argc != 4 || strcmp(argv[2], "--name") != 0))
		return fprintf(stderr, "usage: book FILE [--name NAME]\n"), 2;
	return actor_main(&book, argv[1], argc == 4 ? argv[3] : "book");
}
