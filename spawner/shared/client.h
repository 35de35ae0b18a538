/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper-client: sends and receives records for both ends, and writes and reads the spec of a child
 *
 * Plain functions over a file descriptor; libc only. keeper_send() and keeper_recv() check every record
 * against its type: size, version, number of fds, enums in range, texts terminated. What they deliver can be
 * used as it is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "spawner/shared/protocol.h"

/* ---- records ---- */

/* Zeroes *record and fills in its header. */
void keeper_record_init(union keeper_record *record, enum keeper_type type);

/* 0, or -EPROTO for anything that is not a well-formed record of this version with n_fds descriptors. */
int keeper_record_check(const union keeper_record *record, size_t size_bytes, size_t n_fds);

/*
 * One record to a socket, fds borrowed. 0; -EAGAIN not writable; -EPIPE the other end is gone; -EPROTO the
 * record is not well-formed (a bug of the caller).
 */
int keeper_send(int fd, const union keeper_record *record, const int *fds, size_t n_fds);

/*
 * One record from a socket. fds has room for KEEPER_RECORD_FDS_MAX and belongs to the caller on success,
 * close-on-exec; nothing is left open on failure. 1 got one; 0 the other end is gone (EOF or reset); -EAGAIN
 * nothing there; -EMFILE no descriptor was left for what it carries, which is lost; -EPROTO.
 */
int keeper_recv(int fd, union keeper_record *ret_record, int fds[KEEPER_RECORD_FDS_MAX], size_t *ret_n_fds);

const char *keeper_step_name(int step); /* "exec", "user", … for messages */

/* ---- spec of a child ---- */

#define KEEPER_SPEC_UID          1u
#define KEEPER_SPEC_GID          2u
#define KEEPER_SPEC_GROUPS       4u /* n_groups may be 0: no supplementary groups */
#define KEEPER_SPEC_UMASK        8u
#define KEEPER_SPEC_NO_NEW_PRIVS 16u
#define _KEEPER_SPEC_FLAGS       31u

struct keeper_rlimit {
	uint32_t resource; /* RLIMIT_* */
	uint32_t reserved;
	uint64_t soft, hard; /* RLIM_INFINITY as ~0 */
};

struct keeper_spec {
	const char *program;     /* with a slash: as it is, relative to cwd; without: looked up in the PATH of
				    env; NULL = argv[0] */
	const char *const *argv; /* at least one; NULL-terminated */
	const char *const
		*env;    /* NULL-terminated, NULL = empty; ACTOR_GROUP and ACTOR_NODE_FD are the keeper's */
	const char *cwd; /* absolute; NULL = "/" */
	const char *cgroup; /* directory in a cgroup file system to join, NULL = stay */
	uint32_t flags;
	uint32_t umask;
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	size_t n_groups;
	const struct keeper_rlimit *rlimits;
	size_t n_rlimits;
	int extra_fd_targets[KEEPER_EXTRA_FDS_MAX]; /* the fds sent with SPAWN become these, 3..255 */
	size_t n_extra_fds;
};

/* A sealed memfd that holds the spec. -EINVAL, -E2BIG, or what memfd_create, write and fcntl say. */
int keeper_spec_seal(const struct keeper_spec *spec, int *ret_fd);

/*
 * A spec as it lies in a memfd: a fixed header, tables of offsets, then strings. Offsets count from the
 * start. The last byte is 0, so every offset inside the file is the start of a terminated string.
 */
#define KEEPER_SPEC_MAGIC       0x53504141u
#define KEEPER_SPEC_VERSION     1
#define KEEPER_SPEC_MAX_BYTES   (8u << 20)
#define KEEPER_SPEC_MAX_GROUPS  65536u
#define KEEPER_SPEC_MAX_RLIMITS 32u

struct keeper_spec_file {
	uint32_t magic;
	uint32_t version;
	uint32_t size_bytes; /* of the file */
	uint32_t flags;
	uint32_t n_argv, n_env, n_groups, n_rlimits, n_extra_fds;
	uint32_t argv_offset, env_offset; /* tables of uint32_t: offsets of strings; 4-aligned */
	uint32_t groups_offset;           /* table of uint32_t; 4-aligned */
	uint32_t rlimits_offset;          /* table of struct keeper_rlimit; 8-aligned */
	uint32_t program_offset;
	uint32_t cwd_offset;
	uint32_t cgroup_offset; /* 0 = none */
	uint32_t uid, gid, umask;
	uint32_t extra_fd_targets[KEEPER_EXTRA_FDS_MAX];
	uint32_t reserved;
};

struct keeper_spec_view {
	const struct keeper_spec_file *file;
	const char *base;
	const char *program, *cwd, *cgroup; /* cgroup may be NULL */
	const uint32_t *argv, *env, *groups;
	const struct keeper_rlimit *rlimits;
};

/* Checks bytes that may be anything; base is 8-aligned. 0, or -EINVAL. */
int keeper_spec_check(const void *base, size_t size_bytes, struct keeper_spec_view *ret_view);

/* Checks the seals, maps read-only, checks the bytes. 0; -EPERM not sealed; -EINVAL malformed; what mmap
 * says. */
int keeper_spec_map(int fd, struct keeper_spec_view *ret_view);
void keeper_spec_unmap(struct keeper_spec_view *view);
