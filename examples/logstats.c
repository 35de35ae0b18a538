/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logstats FILE [--parsers N] [--json]: counts the requests and bytes of a web access log, per status, per
 * method, per path
 *
 * The collector is the only actor of this process. It has the node start N processes that run this same
 * program as parsers. The node starts a parser again at once when it dies. A parser says `ready`. From then
 * on the collector monitors it, casts batches of lines to it, and adds up the answers. When a parser goes
 * down, the batches that it has not answered are work again (see logstats-work.c), and its successor says
 * `ready`. The collector owns the parsers: when this process ends, in whatever way, the node stops them.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "logstats.h"

#define PARSERS_MAX 256
#define TICK_MS     100
#define STALL_MS    30000 /* after so long without a word of any parser the collector gives up */

struct parser { /* one life of a parser's process */
	struct parser *next;
	actor_ref ref;
	uint64_t monitor;
	struct batch *has[WORK_IN_FLIGHT_MAX]; /* batches that it has not answered yet, oldest first */
	unsigned n_has;
};

struct run {
	struct work work;
	struct totals totals;
	struct parser *parsers;
	unsigned n_parsers;
	unsigned n_outstanding;
	uint64_t crashes;
	int64_t start_ms, heard_ms, end_ms;
	bool json, progress, failed, finished;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

static struct run *run_of(actor *self)
{
	return *(struct run **)actor_state(self);
}

static void progress_show(const struct run *run)
{
	const struct work *work = &run->work;

	if (run->progress)
		fprintf(stderr, "\r%3llu %%  %llu lines, %zu bad lines, %llu crashes ",
			(unsigned long long)(work->size_bytes ? work->read_bytes * 100 / work->size_bytes
							      : 0),
			(unsigned long long)work->n_lines, work->n_bad_lines,
			(unsigned long long)run->crashes);
}

/* ---- the end ---- */

static void progress_clear(const struct run *run)
{
	if (run->progress)
		fprintf(stderr, "\r%*s\r", 72, "");
}

static int run_fail(actor *self, const char *what)
{
	struct run *run = run_of(self);

	if (!run->failed && !run->finished) {
		progress_clear(run);
		fprintf(stderr, "logstats: %s\n", what);
		run->failed = true;
		actor_group_stop(actor_group_of(self));
	}
	return 0;
}

static int run_finish(actor *self)
{
	struct run *run = run_of(self);

	if (run->totals.all.requests + run->work.n_bad_lines != run->work.n_lines)
		return run_fail(self, "the parts do not add up to the whole: this is a bug in logstats");
	run->end_ms = now_ms();
	run->finished = true;
	actor_group_stop(actor_group_of(self));
	return 0;
}

/* ---- parsers come and go ---- */

/* Gives every parser as many batches as it can take. A batch is a cast, so nobody waits. */
static int run_feed(actor *self)
{
	struct run *run = run_of(self);
	struct batch *batch;
	int r;

	for (struct parser *parser = run->parsers; parser && !run->failed; parser = parser->next) {
		while ((r = work_take(&run->work, parser->has, parser->n_has, &batch)) == 0) {
			parser->has[parser->n_has++] = batch;
			run->n_outstanding++;
			r = actor_cast(self, actor_to(parser->ref), "parse", "Uy#", batch->id, batch->text,
				batch->size_bytes);
			if (r < 0)
				break; /* the parser is gone, and on_down takes the batch back */
		}
		if (r < 0 && r != -EAGAIN && run->work.error[0])
			return run_fail(self, run->work.error);
	}
	return !run->finished && work_is_done(&run->work, run->n_outstanding) ? run_finish(self) : 0;
}

static int collector_ready(actor *self, const actor_msg *msg)
{
	struct run *run = run_of(self);
	struct parser *parser = calloc(1, sizeof(*parser));
	int r;

	if (!parser)
		return -ENOMEM;
	parser->ref = actor_msg_sender(msg);
	r = actor_monitor(self, parser->ref, &parser->monitor);
	if (r < 0) {
		free(parser);
		return r;
	}
	parser->next = run->parsers;
	run->parsers = parser;
	run->heard_ms = now_ms();
	return run_feed(self);
}

/* True: the parser crashed by itself or because of a line. False: somebody ended it. */
static bool cause_is_crash(const struct actor_cause *cause)
{
	if (cause->kind == ACTOR_EXIT_SIGNAL)
		return cause->code != SIGKILL && cause->code != SIGTERM && cause->code != SIGINT;
	return cause->kind == ACTOR_EXIT_STATUS && !actor_cause_is_clean(cause);
}

static int collector_on_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	struct run *run = run_of(self);
	struct parser **link = &run->parsers, *parser;
	int r;

	while (*link && (*link)->monitor != monitor)
		link = &(*link)->next;
	parser = *link;
	if (!parser)
		return 0;
	*link = parser->next;
	run->heard_ms = now_ms();
	run->crashes += actor_cause_is_clean(cause) ? 0 : 1;
	run->n_outstanding -= parser->n_has;
	r = work_return(&run->work, parser->has, parser->n_has, cause_is_crash(cause));
	free(parser);
	return r < 0 ? run_fail(self, run->work.error) : run_feed(self);
}

/* ---- answers ---- */

static struct batch *parser_answered(struct parser *parser, uint64_t id)
{
	struct batch *batch;

	for (unsigned i = 0; i < parser->n_has; i++) {
		batch = parser->has[i];
		if (batch->id != id)
			continue;
		parser->n_has--;
		memmove(&parser->has[i], &parser->has[i + 1], (parser->n_has - i) * sizeof(batch));
		return batch;
	}
	return NULL;
}

/* parsed(batch, number of lines, tables). This is the only place that counts lines. */
static int collector_parsed(actor *self, const actor_msg *msg)
{
	const struct msgpack_object *args = actor_msg_object(msg);
	struct run *run = run_of(self);
	struct parser *parser = run->parsers;
	struct batch *batch;
	uint64_t id, n_lines;
	bool good;

	while (parser && !actor_ref_equal(parser->ref, actor_msg_sender(msg)))
		parser = parser->next;
	if (!args || !parser || actor_msg_unpack(msg, "UU*", &id, &n_lines) < 0 || args->via.array.size != 5)
		return run_fail(self, "an answer that is none: is this a parser of another version?");
	batch = parser_answered(parser, id);
	if (!batch)
		return run_fail(self, "an answer to what was not asked: this is a bug in logstats");
	good = n_lines == batch->n_lines && totals_merge(&run->totals, &args->via.array.ptr[2]) == 0;
	batch_free(batch);
	run->n_outstanding--;
	run->heard_ms = now_ms();
	if (!good)
		return run_fail(self, "an answer that does not fit its batch: this is a bug in logstats");
	return run_feed(self);
}

/* ---- the beginning ---- */

static int collector_begin(actor *self, const actor_msg *msg)
{
	struct run *run = run_of(self);
	char path[4096], ref[ACTOR_REF_TEXT_MAX], what[512];
	const char *argv[] = {path, "--parse-for", actor_ref_format(actor_self(self), ref), NULL};
	struct actor_process_spec spec = {.argv = argv, .backoff_min_ms = -1, .backoff_max_ms = -1};
	struct actor_process process;
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	int r;

	if (n < 0)
		return run_fail(self, "cannot find its own program in /proc");
	path[n] = '\0';
	for (unsigned i = 0; i < run->n_parsers; i++) {
		r = actor_process_start(self, &spec, &process);
		if (r == -ECANCELED)
			return 0;
		if (r < 0) {
			snprintf(what, sizeof(what), "cannot start a parser: %s", process.error);
			return run_fail(self, what);
		}
	}
	return run_feed(self);
}

static int collector_tick(actor *self, const actor_msg *msg)
{
	struct run *run = run_of(self);

	progress_show(run);
	if (now_ms() - run->heard_ms > STALL_MS)
		return run_fail(self, "no parser said anything for 30 seconds; 'actorctl ls' shows them");
	return actor_send_after(self, TICK_MS, "tick", NULL, "");
}

static int collector_init(actor *self, const void *arg)
{
	struct run **run = actor_state(self);
	int r;

	*run = *(struct run *const *)arg;
	r = actor_send_after(self, TICK_MS, "tick", NULL, "");
	/*
	 * The actor starts the parsers when it gets its own message: only an actor that exists can be
	 * answered, and during init it does not exist yet.
	 */
	return r < 0 ? r : actor_cast(self, actor_to(actor_self(self)), "begin", "");
}

static const struct actor_method collector_methods[] = {
	{.name = "begin", .on_cast = collector_begin},
	{.name = "tick", .on_cast = collector_tick},
	{.name = "ready", .on_cast = collector_ready, .doc = "a parser is there"},
	{.name = "parsed",
		.on_cast = collector_parsed,
		.args = "batch:int lines:int status:array methods:array paths:array"},
	{0},
};

static const struct actor_behavior collector = {
	.name = "logstats",
	.state_size = sizeof(struct run *),
	.methods = collector_methods,
	.init = collector_init,
	.on_down = collector_on_down,
	.mailbox_max_bytes = 16 << 20,
};

static int usage(void)
{
	fprintf(stderr, "usage: logstats FILE [--parsers N] [--json]\n");
	return 2;
}

static void run_deinit(struct run *run)
{
	struct parser *parser;

	while ((parser = run->parsers)) {
		run->parsers = parser->next;
		while (parser->n_has)
			batch_free(parser->has[--parser->n_has]);
		free(parser);
	}
	work_deinit(&run->work);
	totals_deinit(&run->totals);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"parsers", required_argument, NULL, 'p'},
		{"json", no_argument, NULL, 'j'},
		{"parse-for", required_argument, NULL, 'P'}, /* the option with which parsers are started */
		{0},
	};
	long n_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	/* two for each processor: while one is being started again, the other works */
	struct run run = {.n_parsers = n_cpus < 1 ? 2 : n_cpus > 8 ? 16 : (unsigned)n_cpus * 2}, *arg = &run;
	char none[] = "", *end = none;
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 'P')
			return parser_main(optarg);
		if (c == 'j')
			run.json = true;
		else if (c == 'p')
			run.n_parsers = (unsigned)strtoul(optarg, &end, 10);
		else
			return usage();
	}
	if (optind != argc - 1)
		return usage();
	if (*end || run.n_parsers < 1 || run.n_parsers > PARSERS_MAX)
		return fprintf(stderr, "logstats: --parsers wants a number from 1 to %d\n", PARSERS_MAX), 2;
	r = work_init(&run.work, argv[optind]);
	if (r < 0)
		return fprintf(stderr, "logstats: cannot read %s: %s\n", argv[optind], strerror(-r)), 1;
	run.progress = isatty(STDERR_FILENO);
	run.start_ms = run.heard_ms = now_ms();
	r = actor_main(&collector, &arg, NULL);
	progress_clear(&run);
	if (r == 0 && run.finished) {
		const struct result result = {&run.work, &run.totals, run.crashes, run.n_parsers,
			(double)(run.end_ms - run.start_ms) / 1000};

		work_sort_bad_lines(&run.work);
		r = (run.json ? report_json : report_table)(&result) ? 1 : 0;
	} else if (r == 0) {
		r = run.failed ? 1 : 130; /* it was stopped before it was done */
	}
	run_deinit(&run);
	return r;
}
