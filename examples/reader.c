/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader BOOK WORD [MAX]: prints the lines of a book (book.c) that contain a word, at most MAX of them
 *
 * It takes one line after the other from the book's stream. The book is never ahead of it by more than the
 * window. When it has found enough, it cancels the stream, and the book sends no more of the file.
 * Status: 0 if a line was found, 1 if none was, 2 if the stream failed.
 */
#include <actor/actor.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_LINES 16

/* Prints a line of the book if @word is in it. Returns whether it was. */
static bool show(const actor_msg *line, uint64_t n_lines, const char *word)
{
	const char *text;

	if (actor_msg_unpack(line, "s", &text) < 0 || !strstr(text, word))
		return false;
	printf("%" PRIu64 ": %s\n", n_lines, text);
	return true;
}

static int fail(const char *what, int r, const actor_msg *msg)
{
	const char *text = msg ? actor_msg_error_text(msg) : NULL;

	fprintf(stderr, "reader: %s: %s\n", what, text && *text ? text : actor_strerror(r));
	return 2;
}

static int read_book(actor_client *client, const char *book, const char *word, uint64_t max)
{
	struct actor_stream_window window = {.items = WINDOW_LINES};
	uint64_t stream, n_lines = 0, n_found = 0;
	actor_msg *msg;
	int r = actor_client_stream_open(
		client, actor_named(book), "read", ACTOR_FOREVER, window, &stream, "");

	if (r < 0)
		return fail(book, r, NULL);
	while ((r = actor_client_stream_next(client, stream, ACTOR_FOREVER, &msg)) == 1) {
		n_found += show(msg, ++n_lines, word);
		actor_msg_free(msg);
		if (n_found == max) {
			actor_client_stream_cancel(client, stream);
			printf("enough, after %" PRIu64 " lines\n", n_lines);
			return 0;
		}
	}
	if (r < 0)
		fail(book, r, msg);
	else
		printf("the end, after %" PRIu64 " lines\n", n_lines);
	actor_msg_free(msg);
	return r < 0 ? 2 : n_found == 0;
}

int main(int argc, char **argv)
{
	uint64_t max = argc == 4 ? strtoull(argv[3], NULL, 10) : UINT64_MAX;
	actor_client *client;
	int r;

	if ((argc != 3 && argc != 4) || !max)
		return fprintf(stderr, "usage: reader BOOK WORD [MAX]\n"), 2;
	r = actor_client_new(&client, NULL);
	if (r < 0)
		return fail("no node", r, NULL);
	r = read_book(client, argv[1], argv[2], max);
	actor_client_free(client);
	return r;
}
