/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper-client: sends and receives records for both ends, and writes and reads the spec of a child
 *
 * Plain functions over a file descriptor; libc only. keeper_send() and keeper_recv() check every record
 * against its type: size, version, number of fds, enums in range, texts terminated. A record that they
 * deliver needs no further check.
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

/* 0, or -EPROTO if this is not a well-formed record of this version with @n_fds descriptors. */
int keeper_record_check(const union keeper_record *record, size_t size_bytes, size_t n_fds);

/*
 * Sends one record. The caller keeps @fds. 0; -EAGAIN: the socket is not writable; -EPIPE: the other end is
 * gone; -EPROTO: the record is not well-formed (a bug of the caller).
 */
int keeper_send(int fd, const union keeper_record *record, const int *fds, size_t n_fds);

/*
 * Receives one record. On success the descriptors in @fds belong to the caller and are close-on-exec; on
 * failure none is left open. 1: a record; 0: the other end is gone (EOF or reset); -EAGAIN: there is no
 * record; -EMFILE: no descriptor was left for those of the record, and the record is lost; -EPROTO.
 */
int keeper_recv(int fd, union keeper_record *ret_record, int fds[KEEPER_RECORD_FDS_MAX], size_t *ret_n_fds);

const char *keeper_step_name(int step); /* "exec", "user", …, for messages */

/* ---- spec of a child ---- */

#define KEEPER_SPEC_UID          1u
#define KEEPER_SPEC_GID          2u
#define KEEPER_SPEC_GROUPS       4u /* set the supplementary groups; with n_groups 0 there are none */
#define KEEPER_SPEC_UMASK        8u
#define KEEPER_SPEC_NO_NEW_PRIVS 16u
#define KEEPER_SPEC_NICE         32u
#define KEEPER_SPEC_OOM          64u
#define _KEEPER_SPEC_FLAGS       127u

struct keeper_rlimit {
	uint32_t resource; /* RLIMIT_* */
	uint32_t reserved;
	uint64_t soft, hard; /* RLIM_INFINITY as ~0 */
};

struct keeper_spec {
	/*
	 * with a slash it is a path, relative to cwd; without, it is looked up in the PATH of env; NULL =
	 * argv[0]
	 */
	const char *program;
	const char *const *argv; /* at least one; NULL-terminated */
	const char *const
		/* NULL-terminated, NULL = empty; the keeper itself sets ACTOR_GROUP and ACTOR_NODE_FD */
		*env;
	const char *cwd;    /* absolute; NULL = "/" */
	const char *cgroup; /* directory in a cgroup file system to join, NULL = stay */
	const char *input;  /* with KEEPER_INPUT_FILE: absolute path of its stdin; NULL = none */
	uint32_t flags;
	uint32_t umask;
	int16_t nice, oom_score_adj;
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	size_t n_groups;
	const struct keeper_rlimit *rlimits;
	size_t n_rlimits;
	/* the numbers that the fds sent with SPAWN get in the child, 3..255 */
	int extra_fd_targets[KEEPER_EXTRA_FDS_MAX];
	size_t n_extra_fds;
};

/*
 * Makes a sealed memfd that holds the spec. 0, -EINVAL, -E2BIG, or an error of memfd_create, write or fcntl.
 */
int keeper_spec_seal(const struct keeper_spec *spec, int *ret_fd);

/*
 * The layout of a spec in a memfd: a fixed header, tables of offsets, then strings. Offsets count from the
 * start of the file. The last byte is 0, so every offset inside the file is the start of a terminated string.
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
	int16_t nice, oom_score_adj; /* -20..19, -1000..1000 */
	uint32_t input_offset;       /* 0 = none */
};

struct keeper_spec_view {
	const struct keeper_spec_file *file;
	const char *base;
	const char *program, *cwd, *cgroup, *input; /* cgroup and input may be NULL */
	const uint32_t *argv, *env, *groups;
	const struct keeper_rlimit *rlimits;
};

/* Checks bytes that may be anything. @base is 8-aligned. 0, or -EINVAL. */
int keeper_spec_check(const void *base, size_t size_bytes, struct keeper_spec_view *ret_view);

/*
 * Checks the seals, maps the file read-only, and checks the bytes. 0; -EPERM: not sealed; -EINVAL: malformed;
 * or an error of mmap.
 */
int keeper_spec_map(int fd, struct keeper_spec_view *ret_view);
void keeper_spec_unmap(struct keeper_spec_view *view);
