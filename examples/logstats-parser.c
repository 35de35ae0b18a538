/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser takes batches of lines and answers with what it has counted. It has a bug of a common kind:
 * parse_line() expects that every line looks like the lines with which it was tested. For a line without
 * quotes, a request field that is not "METHOD PATH PROTOCOL", a method that is no word, or a status that is
 * no status, one of quote_end(), strchr(), method_table() and status_tally() returns NULL, and parse_line()
 * does not check that.
 *
 * The bug is not handled here. The process dies, the node starts it again, and the collector finds the line.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "logstats.h"

struct parser {
	actor_ref collector;
	struct totals totals;
	char *text; /* the text of the present batch, which is cut into strings */
	size_t text_bytes;
};

static struct tally *status_tally(struct totals *totals, long status)
{
	if (status < STATUS_MIN || status > STATUS_MAX)
		return NULL;
	return &totals->status[status - STATUS_MIN];
}

/* A method is a token of HTTP: a word of at least one letter. */
static struct table *method_table(struct totals *totals, const char *method)
{
	static const char token[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!#$%&'*+^`|~";
	size_t len = strspn(method, token);

	return len && !method[len] ? &totals->methods : NULL;
}

/* The end of a field that began with a quote. Servers write a quote inside a field as \". */
static char *quote_end(char *field)
{
	for (field += strcspn(field, "\"\\"); *field == '\\'; field += strcspn(field, "\"\\"))
		field += field[1] ? 2 : 1;
	return *field ? field : NULL;
}

/* 192.0.2.7 - - [22/Nov/2026:08:44:10 +0000] "GET /index.html HTTP/1.1" 200 5120 "-" "Mozilla/5.0" */
static int parse_line(struct totals *totals, char *line)
{
	char *method, *path, *end, *status, *bytes;
	struct tally one = {.requests = 1}, *tally;
	int r;

	method = strchr(line, '"') + 1;
	end = quote_end(method);
	*end = '\0';
	path = strchr(method, ' ');
	*path++ = '\0';
	*strchr(path, ' ') = '\0';

	status = strchr(end + 1, ' ') + 1;
	bytes = strchr(status, ' ') + 1;
	one.bytes = strtoull(bytes, NULL, 10); /* "-" means none, and is read as 0 */

	tally = status_tally(totals, strtol(status, NULL, 10));
	tally->requests += one.requests;
	tally->bytes += one.bytes;
	r = totals_add(totals, method_table(totals, method), method, strlen(method), one);
	if (r < 0)
		return r;
	return totals_add(totals, &totals->paths, path, strcspn(path, "?"), one);
}

static int parse_text(struct parser *parser, const char *text, size_t size_bytes, uint64_t *ret_n_lines)
{
	uint64_t n = 0;
	char *line, *end;
	int r;

	if (size_bytes > parser->text_bytes) {
		char *bigger = realloc(parser->text, size_bytes);

		if (!bigger)
			return -ENOMEM;
		parser->text = bigger;
		parser->text_bytes = size_bytes;
	}
	memcpy(parser->text, text, size_bytes);
	for (line = parser->text; line < parser->text + size_bytes; line = end + 1, n++) {
		end = memchr(line, '\n', (size_t)(parser->text + size_bytes - line));
		if (!end)
			return -EPROTO;
		*end = '\0';
		r = parse_line(&parser->totals, line);
		if (r < 0)
			return r;
	}
	*ret_n_lines = n;
	return 0;
}

/* parse(batch, text). The answer is the cast parsed(batch, number of lines, three tables). */
static int parser_parse(actor *self, const actor_msg *msg)
{
	struct parser *parser = actor_state(self);
	actor_msg *answer = NULL;
	msgpack_packer out;
	uint64_t id, n_lines = 0;
	const void *text;
	size_t size_bytes;
	int r;

	r = actor_msg_unpack(msg, "Uy#", &id, &text, &size_bytes);
	if (r == 0)
		r = parse_text(parser, text, size_bytes, &n_lines);
	if (r == 0)
		r = actor_msg_new(&answer);
	if (r < 0)
		return r;
	msgpack_packer_init(&out, answer, actor_msg_write);
	msgpack_pack_array(&out, 5);
	msgpack_pack_uint64(&out, id);
	msgpack_pack_uint64(&out, n_lines);
	totals_pack(&parser->totals, &out);
	totals_clear(&parser->totals);
	r = actor_cast_msg(self, actor_to(parser->collector), "parsed", &answer);
	actor_msg_free(answer);
	return r;
}

/* A parser that was started again does not know that. It only says that it is ready. */
static int parser_init(actor *self, const void *arg)
{
	struct parser *parser = actor_state(self);

	parser->collector = *(const actor_ref *)arg;
	parser->totals.borrow = true;
	return actor_cast(self, actor_to(parser->collector), "ready", "");
}

static void parser_terminate(actor *self, const struct actor_cause *cause)
{
	struct parser *parser = actor_state(self);

	totals_deinit(&parser->totals);
	free(parser->text);
}

static const struct actor_method parser_methods[] = {
	{.name = "parse", .on_cast = parser_parse, .args = "batch:int text:bin"},
	{0},
};

static const struct actor_behavior parser = {
	.name = "logstats-parser",
	.state_size = sizeof(struct parser),
	.methods = parser_methods,
	.init = parser_init,
	.terminate = parser_terminate,
	.mailbox_max_bytes = 4 << 20,
};

int parser_main(const char *collector)
{
	actor_ref ref;

	if (actor_ref_parse(collector, &ref) < 0) {
		fprintf(stderr, "logstats: '%s' is no ref of a collector\n", collector);
		return 2;
	}
	return actor_main(&parser, &ref, NULL);
}
