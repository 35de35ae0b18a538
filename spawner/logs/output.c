/* SPDX-License-Identifier: Apache-2.0 */
#include "spawner/logs/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "libactor/util/list.h"
#include "libactor/util/log.h"

#define EVENTS_MAX 64

int outputs_init(struct outputs *outputs, const char *log_path)
{
	int r = log_dir_open(&outputs->dir, log_path);

	if (r)
		log_warning("there are no logs until %s can be made: %s", log_path, strerror(-r));
	hash_init(&outputs->by_group);
	list_init(&outputs->open);
	list_init(&outputs->ended);
	outputs->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (outputs->epoll_fd < 0 || pipe2(outputs->scratch, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	fcntl(outputs->scratch[1], F_SETPIPE_SZ, OUTPUT_TURN_BYTES);
	return 0;
}

static void pipe_close(struct outputs *outputs, int *fd)
{
	if (*fd < 0)
		return;
	/* the keeper has the pipe open too, so closing alone would not remove it from epoll */
	epoll_ctl(outputs->epoll_fd, EPOLL_CTL_DEL, *fd, NULL);
	close(*fd);
	*fd = -1;
}

/* Keeps the list of open logs, by last use. Called after each use of a log, and at the end (@last). */
static void log_used(struct outputs *outputs, struct output *output, bool last)
{
	if (list_is_linked(&output->open_link)) {
		list_remove(&output->open_link);
		outputs->n_open--;
	}
	if (last)
		logfile_close(&output->log);
	if (!logfile_is_open(&output->log))
		return;
	list_append(&outputs->open, &output->open_link);
	if (++outputs->n_open > outputs->open_max) {
		struct output *oldest = container_of(list_pop(&outputs->open), struct output, open_link);

		logfile_close(&oldest->log);
		outputs->n_open--;
	}
}

static struct output_debt *debt_find(struct outputs *outputs, const char *log_name)
{
	struct output_debt *free_one = NULL;

	for (unsigned i = 0; i < OUTPUT_DEBTS; i++) {
		struct output_debt *debt = &outputs->debts[i];

		if (debt->n_bytes && !strcmp(debt->log_name, log_name))
			return debt;
		if (!debt->n_bytes)
			free_one = debt;
	}
	return free_one;
}

/* A life has ended before its log could say what was lost: that of the next life will. */
static void debt_leave(struct outputs *outputs, struct logfile *log)
{
	struct output_debt *debt = log->n_untold_bytes ? debt_find(outputs, log->name) : NULL;

	if (!debt)
		return;
	memcpy(debt->log_name, log->name, sizeof(debt->log_name));
	debt->n_bytes += log->n_untold_bytes;
	log->n_untold_bytes = 0;
}

static void debt_take(struct outputs *outputs, struct logfile *log)
{
	struct output_debt *debt = debt_find(outputs, log->name);

	if (!debt)
		return;
	log->n_untold_bytes = debt->n_bytes;
	debt->n_bytes = 0;
}

static void output_free(struct outputs *outputs, struct output *output)
{
	debt_leave(outputs, &output->log);
	pipe_close(outputs, &output->fds[0]);
	pipe_close(outputs, &output->fds[1]);
	log_used(outputs, output, true);
	list_remove(&output->ended_link);
	hash_remove(&outputs->by_group, &output->node);
	free(output);
}

void outputs_settle(struct outputs *outputs)
{
	while (!list_is_empty(&outputs->ended)) {
		struct output *output = container_of(outputs->ended.next, struct output, ended_link);

		logfile_ended(&output->log, output->group, output->forked_ns, output->end_kind,
			output->end_code, output->end_number);
		output_free(outputs, output);
	}
}

/* The tag of a pipe in epoll. Group ids of children are small enough to be shifted by one bit. */
static uint64_t pipe_tag(uint64_t group, int i)
{
	return group << 1 | (uint64_t)i;
}

void outputs_deinit(struct outputs *outputs)
{
	struct hash_node *node;

	outputs_settle(outputs);
	while ((node = hash_any(&outputs->by_group)))
		output_free(outputs, container_of(node, struct output, node));
	hash_deinit(&outputs->by_group);
	if (outputs->epoll_fd >= 0)
		close(outputs->epoll_fd);
	outputs->epoll_fd = -1;
	for (int i = 0; i < 2; i++)
		close(outputs->scratch[i]);
	log_dir_close(&outputs->dir);
}

struct output *output_find(const struct outputs *outputs, uint64_t group)
{
	struct hash_node *node = hash_first(&outputs->by_group, hash_of_u64(&outputs->by_group, group));

	for (; node; node = hash_next(node)) {
		struct output *output = container_of(node, struct output, node);

		if (output->group == group)
			return output;
	}
	return NULL;
}

int output_add(struct outputs *outputs, const struct output_life *life, const int fds[2])
{
	struct output *output;

	outputs_settle(outputs); /* the log may be that of an earlier life, whose end must come first */
	output = output_find(outputs, life->group);
	if (!output) {
		output = calloc(1, sizeof(*output));
		if (!output || hash_insert(&outputs->by_group, &output->node,
				       hash_of_u64(&outputs->by_group, life->group)) < 0) {
			free(output);
			for (int i = 0; i < 2; i++)
				if (fds[i] >= 0)
					close(fds[i]);
			return -ENOMEM;
		}
		output->group = life->group;
		output->forked_ns = life->forked_ns;
		output->fds[0] = output->fds[1] = -1;
		logfile_init(&output->log, &outputs->dir, life->log_name);
		output->log.no_stamps = life->no_stamps;
		output->log.pid = life->pid;
		output->log.life = life->number;
		debt_take(outputs, &output->log);
		logfile_started(&output->log, life->group, life->forked_ns);
		log_used(outputs, output, false);
	}
	for (int i = 0; i < 2; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u64 = pipe_tag(life->group, i)};

		if (fds[i] < 0)
			continue;
		pipe_close(outputs, &output->fds[i]);
		output->fds[i] = fds[i];
		if (epoll_ctl(outputs->epoll_fd, EPOLL_CTL_ADD, fds[i], &event) < 0)
			log_error("the output of group %llu cannot be watched: %s",
				(unsigned long long)life->group, strerror(errno));
	}
	return 0;
}

/*
 * Copies the bytes in the pipe and leaves them there. The number of bytes; 0: the pipe is empty and has no
 * writer any more; -EAGAIN: the pipe is empty now.
 */
static ssize_t pipe_peek(struct outputs *outputs, int fd, char *bytes, size_t size_bytes)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	ssize_t n, got = 0;

	do
		n = tee(fd, outputs->scratch[1], size_bytes, SPLICE_F_NONBLOCK);
	while (n < 0 && errno == EINTR);
	if (n <= 0) {
		if (n < 0 && errno != EAGAIN && errno != ENOMEM)
			return -errno;
		/* poll tells an empty pipe from one that has no writer any more */
		if (poll(&poll_fd, 1, 0) == 1 && poll_fd.revents & POLLHUP && !(poll_fd.revents & POLLIN))
			return 0;
		return -EAGAIN;
	}
	while (got < n) {
		ssize_t part = read(outputs->scratch[0], bytes + got, (size_t)(n - got));

		if (part < 0 && errno == EINTR)
			continue;
		if (part <= 0)
			abort(); /* somebody else uses the descriptor of the scratch pipe */
		got += part;
	}
	return got;
}

static void pipe_read(struct outputs *outputs, struct output *output, int i, size_t max_bytes, bool all)
{
	static char bytes[OUTPUT_TURN_BYTES];

	for (size_t got = 0; output->fds[i] >= 0 && got < max_bytes;) {
		ssize_t n = pipe_peek(outputs, output->fds[i], bytes, sizeof(bytes));
		uint64_t lost = output->log.n_lost_bytes;
		char why[LOGFILE_WHY_SIZE];
		int err;

		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			pipe_close(outputs, &output->fds[i]);
			return;
		}
		got += (size_t)n;
		if (i == 1)
			tail_add(&output->tail, bytes, (size_t)n);
		err = logfile_write(&output->log, output->fds[i], (uint8_t)(i + 1), bytes, (size_t)n);
		log_used(outputs, output, false);
		if (err && !output->complained)
			log_warning("%s cannot be written, and output is dropped until it can: %s",
				output->log.name, logfile_why(&output->log, -err, why));
		output->complained = err != 0;
		if (outputs->lost && output->log.n_lost_bytes > lost)
			outputs->lost(output->group, output->log.n_lost_bytes - lost, outputs->arg);
		if (!all && (size_t)n < sizeof(bytes))
			return; /* epoll is level-triggered: if there is more, it reports the pipe again */
	}
}

void output_end(struct outputs *outputs, uint64_t group, enum stamp_kind kind, int code, int64_t number,
	char *text, size_t size_bytes)
{
	struct output *output = output_find(outputs, group);

	text[0] = 0;
	if (!output || list_is_linked(&output->ended_link))
		return;
	pipe_read(outputs, output, 0, OUTPUT_LAST_BYTES, true);
	pipe_read(outputs, output, 1, OUTPUT_LAST_BYTES, true);
	tail_text(&output->tail, text, size_bytes);
	output->end_kind = kind;
	output->end_code = code;
	output->end_number = number;
	list_append(&outputs->ended, &output->ended_link);
}

void outputs_turn(struct outputs *outputs, uint32_t *ret_keeper)
{
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(outputs->epoll_fd, events, EVENTS_MAX, 0);

	*ret_keeper = 0;
	for (int i = 0; i < n; i++) {
		struct output *output;

		if (events[i].data.u64 == OUTPUT_KEEPER) {
			*ret_keeper = events[i].events;
			continue;
		}
		output = output_find(outputs, events[i].data.u64 >> 1);
		if (!output)
			continue;
		if (events[i].events == EPOLLHUP) /* the pipe is empty, and has no writer any more */
			pipe_close(outputs, &output->fds[events[i].data.u64 & 1]);
		else
			pipe_read(outputs, output, events[i].data.u64 & 1, OUTPUT_TURN_BYTES, false);
	}
}
