/*
 * What children write. The keeper holds the read ends of their pipes too, so nobody gets SIGPIPE while there is no supervisor. One
 * epoll descriptor for all of them: the group's loop watches that one. Each turn gives each child that has something to say a bounded
 * share, so one that floods takes nothing from the others.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "logfile.h"
#include "util/hash.h"

#define OUTPUT_TURN_BYTES (64u << 10)  /* of one pipe in one turn */
#define OUTPUT_LAST_BYTES (4u << 20)   /* of one pipe at its end: more than a pipe can hold */
#define OUTPUT_KEEPER	  UINT64_MAX   /* tag of the keeper's socket in the same epoll */

struct outputs {
	int epoll_fd;
	int dir_fd; /* of the logs; -1: none */
	struct hash by_group;
};

struct output {
	struct hash_node node;
	uint64_t group;
	int fds[2]; /* stdout, stderr; -1: closed */
	struct logfile log;
	struct tail tail; /* of stderr */
	bool complained;
};

int outputs_init(struct outputs *outputs, int dir_fd);
void outputs_deinit(struct outputs *outputs);
/* Takes the descriptors (-1: none). @log_name: of the child. */
int output_add(struct outputs *outputs, uint64_t group, const char *log_name, const int fds[2]);
struct output *output_find(const struct outputs *outputs, uint64_t group);
/* Reads what is there, at most @max_bytes of each pipe. */
void output_read(struct outputs *outputs, struct output *output, size_t max_bytes);
/* The last words, then gone. @text gets the last lines of stderr. */
void output_end(struct outputs *outputs, uint64_t group, char *text, size_t size_bytes);
/* One turn over what is readable. *ret_keeper: events of the keeper's socket, 0 none. */
void outputs_turn(struct outputs *outputs, uint32_t *ret_keeper);
