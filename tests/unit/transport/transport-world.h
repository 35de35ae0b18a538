/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transport from outside. Two transports in one process serve where that is enough. Where credentials and
 * death matter there is a second process: this program again, see peer_main(). Peers that speak nonsense are
 * plain Unix sockets.
 */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "libactor/transport/files.h"
#include "libactor/transport/transport.h"
#include "libactor/util/clock.h"
#include "libactor/util/list.h"
#include "libactor/protocol/wire.h"
#include "tests/fact.h"

#define PATIENCE_MS 20000 /* only reached when something is broken */

bool is_native(void);
struct transport_peer myself(void);

struct world {
	char dir[64];
	char path[400];
	struct transport *a, *b;
	int fds;
};

int count_fds(void);
void keep_events(struct transport *transport);
bool next_within(struct transport *transport, struct transport_event *ret, int64_t patience_ms,
	struct transport *other);
bool next_event(struct transport *transport, struct transport_event *ret);
/* Reads until the other side has closed @fd, and keeps the events of @transport that come meanwhile. */
void raw_wait_closed(struct transport *transport, int fd);
void expect_event(struct transport *transport, enum transport_event_type type, struct transport_event *ret);
void expect_down(struct transport *transport, struct pipe *link, int error);
/* @error is only looked at in the native transport: nng does not tell why a connection ended. */
void expect_down_for(struct transport *transport, struct pipe *link, int error);
/* TRANSPORT_PIPE_UP may come first: nng may greet a peer before it refuses it. */
void expect_down_perhaps_after_up(struct transport *transport, struct pipe *link);
void expect_data(struct transport *transport, struct pipe *link, const char *text);
void expect_silence(struct transport *transport);
void say(struct pipe *link, const char *text);
void make_pair(struct world *w, struct pipe **ret_a, struct pipe **ret_b);
pid_t peer_start(const char *mode, const char *path);
void peer_reap(pid_t pid, bool killed);
int raw_connect(const char *path);
int raw_bind(const char *path, bool listening);
void raw_write(int fd, const void *data, size_t n);
int world_setup(void **state);
int world_teardown(void **state);
extern const uint8_t sp_pair[8];
extern const uint8_t sp_req[8];

/* Allows descriptors with numbers below @files only. Returns the old limit. */
rlim_t limit_files(rlim_t files);
#define SILENT_N 40

void dial_silently(const char *path, int fds[SILENT_N]);
/* Lets the process open @n more descriptors. Returns the old limit. */
rlim_t leave_files(unsigned n);
void hang_up(int fds[SILENT_N]);
int peer_main(const char *mode, const char *path);

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
