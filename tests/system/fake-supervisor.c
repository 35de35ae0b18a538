/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake-supervisor hands the keeper's socket to the test, which then is the supervisor.
 *
 * This program does only what a process beside the keeper must do itself: it dies, and it sees the keeper
 * die.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "spawner/shared/marks.h"
#include "spawner/shared/protocol.h"
#include "spawner/shared/sweep.h"

int main(void)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
			     .cmsg_level = SOL_SOCKET,
			     .cmsg_type = SCM_RIGHTS}};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct sweep_marker marker;
	pid_t pid = getpid();
	struct iovec iov = {.iov_base = &pid, .iov_len = sizeof(pid)};
	struct msghdr message = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(sizeof(int))};
	struct pollfd polls[2];
	char code;
	int fd = KEEPER_SOCKET_FD;

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	if (!getenv("ACTOR_GROUP") || !sweep_marker_parse(getenv("ACTOR_GROUP"), &marker))
		return 20;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s.ctl", getenv("ACTOR_RUNTIME_DIR"));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		sendmsg(fd, &message, MSG_NOSIGNAL) < 0)
		return 21;

	polls[0] = (struct pollfd){.fd = KEEPER_SOCKET_FD};
	polls[1] = (struct pollfd){.fd = fd, .events = POLLIN};
	for (;;) {
		poll(polls, 2, -1);
		if (polls[0].revents & POLLHUP) /* the keeper is gone */
			return sweep_kill(marker.node_id, NULL, 0, NULL, 0, 10000, NULL) < 0 ? 22 : 0;
		if (polls[1].revents)
			/* The test has said with which status to exit. */
			return read(fd, &code, 1) == 1 ? code : 23;
	}
}
