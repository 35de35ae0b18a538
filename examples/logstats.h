/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logstats: counts the requests in a web server's access log, in processes that may crash
 *
 *   logstats.c         main, and the collector: an actor that starts the parsers, hands out work, adds up
 *   logstats-parser.c  the parser: an actor in a process of its own, with a bug
 *   logstats-work.c    the file in batches, and how a line that kills is found
 *   logstats-totals.c  requests and bytes per key, and their way between processes
 *   logstats-report.c  the result, for people and as JSON
 */
#ifndef LOGSTATS_H
#define LOGSTATS_H

#include <actor/actor.h>
#include <msgpack.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- totals ---- */

struct tally {
	uint64_t requests;
	uint64_t bytes;
};

struct entry {
	const char *key; /* NULL: free */
	size_t key_len;
	uint64_t hash;
	struct tally tally;
};

struct table { /* all zeroes: an empty table */
	struct entry *entries;
	size_t capacity; /* a power of two, or 0 */
	size_t n;
};

#define STATUS_MIN 100
#define STATUS_MAX 599
#define PATHS_MAX  (1 << 20) /* so many different paths are counted; all further ones are counted together */

struct totals { /* all zeroes: nothing is counted */
	struct tally all;
	struct tally status[STATUS_MAX - STATUS_MIN + 1];
	struct table methods;
	struct table paths;
	bool borrow; /* true: entries point to the keys that were passed in; false: keys are copied */
};

int totals_add(
	struct totals *totals, struct table *table, const char *key, size_t key_len, struct tally tally);
void totals_clear(struct totals *totals); /* keeps the memory for the next batch */
void totals_deinit(struct totals *totals);
/* Three arrays: [code, requests, bytes, …] per status, [key, requests, bytes, …] per method and per path. */
void totals_pack(const struct totals *totals, msgpack_packer *out);
/* Adds such three arrays. -EPROTO: they are malformed; then the totals are of no use any more. */
int totals_merge(struct totals *totals, const struct msgpack_object *three);
/*
 * The entries by requests, most first; the caller calls free() on the array. NULL: there are no entries, or
 * memory ran out.
 */
const struct entry **table_sorted(const struct table *table);

/* ---- work ---- */

#define WORK_IN_FLIGHT_MAX 2 /* so many batches a parser has, so that it never waits for the next one */

struct batch {
	struct batch *next;
	uint64_t id;
	uint64_t first_line; /* lines are numbered from 1 */
	uint32_t n_lines;
	uint32_t n_pieces; /* a suspect is tried in about so many pieces */
	uint32_t n_deaths; /* parsers that were ended from outside while they had it */
	bool alone;        /* is given only to a parser that has nothing else */
	char *text;        /* n_lines lines, each with its newline */
	size_t size_bytes;
	char *memory;
};

struct work {
	int fd;
	const char *path;
	bool at_end;
	char error[512];                 /* says why reading ended early */
	uint64_t n_lines;                /* read so far */
	uint64_t size_bytes, read_bytes; /* size_bytes: of the file; 0: unknown */
	uint64_t last_id;
	char *rest; /* the end of the last read: a line that is not complete yet */
	size_t rest_bytes;
	struct batch *suspects;
	uint64_t *bad_lines;
	size_t n_bad_lines, n_bad_sample; /* among all lines, among the first lines */
};

int work_init(struct work *work, const char *path);
void work_deinit(struct work *work);
/*
 * Finds a batch for a parser that has the batches @has already. 0; -EAGAIN: there is none now; another error:
 * see work->error.
 */
int work_take(struct work *work, struct batch *const *has, unsigned n_has, struct batch **ret);
/*
 * A parser is dead that had not answered these @n batches, oldest first. @crashed: nobody ended it from
 * outside. Takes the batches. 0; another error: see work->error; -EBADMSG: the file is no access log.
 */
int work_return(struct work *work, struct batch **batches, unsigned n, bool crashed);
bool work_is_done(const struct work *work, unsigned n_outstanding);
void work_sort_bad_lines(struct work *work);
void batch_free(struct batch *batch);

/* ---- report ---- */

struct result {
	const struct work *work;
	const struct totals *totals;
	uint64_t crashes;
	unsigned n_parsers;
	double seconds;
};

int report_json(const struct result *result);
int report_table(const struct result *result);

/* ---- parser ---- */

int parser_main(const char *collector);

#endif
