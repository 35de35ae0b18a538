#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "util/list.h"
#include "util/log.h"

#define EVENTS_MAX 64

int outputs_init(struct outputs *outputs, int dir_fd)
{
	outputs->dir_fd = dir_fd;
	hash_init(&outputs->by_group);
	outputs->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return outputs->epoll_fd < 0 ? -errno : 0;
}

static void pipe_close(struct outputs *outputs, int *fd)
{
	if (*fd < 0)
		return;
	epoll_ctl(outputs->epoll_fd, EPOLL_CTL_DEL, *fd, NULL); /* the keeper has it open: closing alone would not do */
	close(*fd);
	*fd = -1;
}

static void output_free(struct outputs *outputs, struct output *output)
{
	pipe_close(outputs, &output->fds[0]);
	pipe_close(outputs, &output->fds[1]);
	logfile_deinit(&output->log);
	hash_remove(&outputs->by_group, &output->node);
	free(output);
}

void outputs_deinit(struct outputs *outputs)
{
	struct hash_node *node;

	while ((node = hash_any(&outputs->by_group)))
		output_free(outputs, container_of(node, struct output, node));
	hash_deinit(&outputs->by_group);
	if (outputs->epoll_fd >= 0)
		close(outputs->epoll_fd);
	outputs->epoll_fd = -1;
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

int output_add(struct outputs *outputs, uint64_t group, const char *log_name, const int fds[2])
{
	struct output *output = output_find(outputs, group);
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = group};

	if (!output) {
		output = calloc(1, sizeof(*output));
		if (!output || hash_insert(&outputs->by_group, &output->node, hash_of_u64(&outputs->by_group, group)) < 0) {
			free(output);
			for (int i = 0; i < 2; i++)
				if (fds[i] >= 0)
					close(fds[i]);
			return -ENOMEM;
		}
		output->group = group;
		output->fds[0] = output->fds[1] = -1;
		logfile_init(&output->log, outputs->dir_fd, log_name);
	}
	for (int i = 0; i < 2; i++) {
		if (fds[i] < 0)
			continue;
		pipe_close(outputs, &output->fds[i]);
		output->fds[i] = fds[i];
		if (epoll_ctl(outputs->epoll_fd, EPOLL_CTL_ADD, fds[i], &event) < 0)
			log_error("the output of group %llu cannot be watched: %s", (unsigned long long)group, strerror(errno));
	}
	return 0;
}

static void pipe_read(struct outputs *outputs, struct output *output, int i, size_t max_bytes)
{
	static char bytes[OUTPUT_TURN_BYTES];

	for (size_t got = 0; output->fds[i] >= 0 && got < max_bytes;) {
		ssize_t n = read(output->fds[i], bytes, sizeof(bytes));
		int err;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			pipe_close(outputs, &output->fds[i]);
			return;
		}
		got += (size_t)n;
		if (i == 1)
			tail_add(&output->tail, bytes, (size_t)n);
		err = logfile_write(&output->log, bytes, (size_t)n);
		if (err && !output->complained)
			log_warning("%s cannot be written, what comes is dropped: %s", output->log.name, strerror(-err));
		output->complained = err != 0;
		if ((size_t)n < sizeof(bytes))
			return; /* level-triggered: if there is more, we hear of it */
	}
}

void output_read(struct outputs *outputs, struct output *output, size_t max_bytes)
{
	pipe_read(outputs, output, 0, max_bytes);
	pipe_read(outputs, output, 1, max_bytes);
}

void output_end(struct outputs *outputs, uint64_t group, char *text, size_t size_bytes)
{
	struct output *output = output_find(outputs, group);

	text[0] = 0;
	if (!output)
		return;
	output_read(outputs, output, OUTPUT_LAST_BYTES);
	tail_text(&output->tail, text, size_bytes);
	output_free(outputs, output);
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
		output = output_find(outputs, events[i].data.u64);
		if (output)
			output_read(outputs, output, OUTPUT_TURN_BYTES);
	}
}
