/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `input`: a child whose stdin is a pipe is fed by the caller itself, who opens the pipe by the name in /proc
 * that it gets here: that of the keeper's end, since the keeper lives as long as the node. So the bytes do
 * not go through the supervisor: a program that does not read makes only its feeder wait, and no byte is lost
 * or doubled when the supervisor is killed.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libactor/protocol/names.h"
#include "spawner/supervisor/args.h"

#define INPUT_PATH_SIZE 64

/* Finds the keeper's descriptor of this pipe. The keeper's end is the only one there. */
static bool input_find(const struct supervisor *supervisor, uint64_t inode, char ret[INPUT_PATH_SIZE])
{
	char dir_path[32], wanted[40], name[40];
	const struct dirent *entry;
	bool found = false;
	ssize_t n;
	DIR *dir;

	snprintf(dir_path, sizeof(dir_path), "/proc/%d/fd", (int)supervisor->keeper_pid);
	snprintf(wanted, sizeof(wanted), "pipe:[%llu]", (unsigned long long)inode);
	dir = opendir(dir_path);
	while (dir && !found && (entry = readdir(dir))) {
		n = readlinkat(dirfd(dir), entry->d_name, name, sizeof(name) - 1);
		name[n > 0 ? n : 0] = 0;
		found = !strcmp(name, wanted);
		if (found)
			snprintf(ret, INPUT_PATH_SIZE, "%s/%.20s", dir_path, entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

static void close_input(struct supervisor *supervisor, const struct child *child, struct output *output)
{
	union keeper_record record;

	keeper_record_init(&record, KEEPER_CLOSE_INPUT);
	record.close_input.cookie = child->group;
	supervisor_keeper_tell(supervisor, &record, -1);
	output->input_inode = 0;
}

int on_input(actor *self, const actor_msg *msg, actor_from *from)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct args args = args_of(msg);
	struct buf body = BUF_INIT;
	struct output *output;
	const struct child *child;
	char name[256], path[INPUT_PATH_SIZE];
	bool eof;

	if (args_name(&args, name) < 0 || args_bool(&args, false, &eof) < 0 || args.n)
		return bad_args(from, "name:str [eof:bool]");
	child = node_child_by_name(supervisor->node, name);
	if (!child) {
		actor_reply_error(from, ERROR_NO_NAME, "no process is called %s", name);
		return 0;
	}
	if (!child->spec.input || child->spec.input[0] == '/') {
		actor_reply_error(from, ERROR_NO_INPUT, "its stdin is no pipe");
		return 0;
	}
	output = child->pid > 0 ? output_find(&supervisor->outputs, child->group) : NULL;
	if (!output) {
		actor_reply_error(from, "not_running", "%s does not run", name);
		return 0;
	}
	if (!output->input_inode || (!eof && !input_find(supervisor, output->input_inode, path))) {
		actor_reply_error(from, ERROR_NO_INPUT, "its stdin has been closed");
		return 0;
	}
	if (eof) {
		close_input(supervisor, child, output);
		mp_put_nil(&body);
	} else {
		mp_put_map(&body, 2);
		mp_put_cstr(&body, "path");
		mp_put_cstr(&body, path);
		mp_put_cstr(&body, "inode");
		mp_put_uint(&body, output->input_inode);
	}
	if (buf_error(&body) < 0 || actor_reply(from, "m", (const void *)body.data, body.size_bytes) < 0)
		actor_reply_error(from, ERROR_OVERLOADED, "out of memory");
	buf_deinit(&body);
	return 0;
}
