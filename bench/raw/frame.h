/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RAW_FRAME_H
#define RAW_FRAME_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../driver/bench.h"

/*
 * A message on a stream socket: 4 bytes of length, then the bytes. Each message is one write(), since the
 * floor does not batch.
 */
struct raw_conn {
	int fd;
	size_t have;
	char buf[BENCH_SIZE_MAX + 65536];
};

int raw_listen(const char *path);
int raw_connect(const char *path);
int raw_send(int fd, const void *data, size_t size_bytes);
/*
 * Does one read(). 0: the end of the stream. Afterwards raw_next() gives the frames, and raw_shift() moves
 * the rest to the front.
 */
ssize_t raw_read(struct raw_conn *c);
const char *raw_next(const struct raw_conn *c, size_t *at, size_t *ret_size_bytes);
void raw_shift(struct raw_conn *c, size_t at);

#endif
