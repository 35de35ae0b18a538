/* SPDX-License-Identifier: Apache-2.0 */
/* The records from the keeper: slots of its table, and the others. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libactor/protocol/names.h"
#include "libactor/util/log.h"
#include "spawner/supervisor/supervisor.h"

/* so many records are taken at once; the rest is taken after the next turn */
#define TURN_RECORDS 256

/* Only the keeper keeps the pipe open: a descriptor for each child more would be too many here. */
static void take_input(struct supervisor *supervisor, uint64_t group, int fd)
{
	struct output *output = output_find(&supervisor->outputs, group);
	struct stat st;

	if (output && fstat(fd, &st) == 0)
		output->input_inode = st.st_ino;
	close(fd);
}

static void take_slot(
	struct supervisor *supervisor, const struct keeper_slot *slot, const int *fds, size_t n_fds)
{
	int pipes[2] = {-1, -1};
	int input_fd = -1;
	size_t i = 0;
	char text[LAUNCH_TEXT_BYTES] = "";

	if (slot->fd_mask & KEEPER_FD_STDOUT && i < n_fds)
		pipes[0] = fds[i++];
	if (slot->fd_mask & KEEPER_FD_STDERR && i < n_fds)
		pipes[1] = fds[i++];
	if (slot->fd_mask & KEEPER_FD_NOTIFY && i < n_fds)
		close(fds[i++]);
	if (slot->fd_mask & KEEPER_FD_STDIN && i < n_fds)
		input_fd = fds[i++];
	if (pipes[0] >= 0 || pipes[1] >= 0) {
		struct child *child = node_child_by_group(supervisor->node, slot->group_id);
		struct output_life life = {
			.group = slot->group_id, .forked_ns = slot->forked_ns, .pid = slot->pid};

		life.log_name = slot->spawn_flags & KEEPER_SPAWN_DAEMON ? NAME_BROKER
				: slot->name[0]                         ? slot->name
									: "adopted";
		if (child) {
			life.log_name = supervisor_log_name(child);
			life.number = (uint32_t)child->n_ends + 1;
			life.no_stamps = child->spec.no_stamps;
		}
		output_add(&supervisor->outputs, &life, pipes);
	}
	if (input_fd >= 0)
		take_input(supervisor, slot->group_id, input_fd);
	if (slot->stage == KEEPER_EXITED)
		output_end(&supervisor->outputs, slot->group_id, STAMP_ENDED, slot->code, slot->status, text,
			sizeof(text));
	else if (slot->stage == KEEPER_FAILED)
		output_end(&supervisor->outputs, slot->group_id, STAMP_FAILED, 0, slot->error, text,
			sizeof(text));
	if (slot->stage == KEEPER_FAILED) {
		const struct child *child = node_child_by_group(supervisor->node, slot->group_id);

		text[0] = 0;
		if (child && slot->step == KEEPER_STEP_EXEC)
			launch_explain(child, slot->error, text);
	}
	node_slot(supervisor->node, slot, text, supervisor_now_ns());
}

/* Takes one record. 1; 0: there is none. Does not return if the keeper is gone. SYNCED sets *ret_synced. */
int supervisor_take_record(struct supervisor *supervisor, bool *ret_synced)
{
	int fds[KEEPER_RECORD_FDS_MAX], r;
	union keeper_record record;
	size_t n_fds = 0;
	uint64_t now_ns = supervisor_now_ns();

	r = keeper_recv(supervisor->keeper.fd, &record, fds, &n_fds);
	if (r == -EAGAIN)
		return 0;
	if (r == 0)
		supervisor_end_of_node(supervisor);
	if (r == -EMFILE) {
		/*
		 * limit_processes() should have left enough; the next supervisor gets everything from the
		 * beginning
		 */
		log_error("no descriptor is left for what the keeper hands over: starting again");
		exit(1);
	}
	if (r < 0) {
		log_error("the keeper says what is not understood: %s", strerror(-r));
		exit(1);
	}
	switch (record.header.type) {
	case KEEPER_SLOT:
		take_slot(supervisor, &record.slot, fds, n_fds);
		return 1;
	case KEEPER_RESERVED:
		node_reserved(supervisor->node, record.reserved.first_group_id, record.reserved.n, now_ns);
		break;
	case KEEPER_REFUSED:
		node_refused(supervisor->node, record.refused.group_id, record.refused.error, now_ns);
		break;
	case KEEPER_TERMINATE:
		log_info("asked to end the node");
		node_down(supervisor->node, NULL, now_ns);
		break;
	case KEEPER_PING:
		supervisor_tell_plain(supervisor, KEEPER_PONG);
		break;
	case KEEPER_SYNCED:
		if (ret_synced)
			*ret_synced = true;
		break;
	default:
		break;
	}
	while (n_fds)
		close(fds[--n_fds]);
	return 1;
}

void supervisor_io(struct supervisor *supervisor)
{
	uint32_t events;

	outputs_turn(&supervisor->outputs, &events);
	if (events & EPOLLOUT && keeper_link_flush(&supervisor->keeper) == -EPIPE)
		supervisor_end_of_node(supervisor);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		for (int i = 0; i < TURN_RECORDS && supervisor_take_record(supervisor, NULL) > 0; i++)
			;
	if (events)
		supervisor_need_turn(supervisor);
}

/* Takes all that the keeper knows, before any caller can ask. */
void supervisor_sync_with_keeper(struct supervisor *supervisor, const struct keeper_hello *hello)
{
	bool synced = false;

	node_start(supervisor->node, supervisor_now_ns());
	node_reserved(supervisor->node, hello->first_group_id, hello->n_group_ids, supervisor_now_ns());
	while (!synced) {
		struct pollfd poll_fd = {.fd = supervisor->keeper.fd, .events = POLLIN};

		if (supervisor_take_record(supervisor, &synced) == 0)
			poll(&poll_fd, 1, -1);
	}
	node_synced(supervisor->node, supervisor_now_ns());
}
