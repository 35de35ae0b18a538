/* SPDX-License-Identifier: Apache-2.0 */
#include "spawner/supervisor/launch.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libactor/protocol/variables.h"
#include "spawner/shared/client.h"
#include "spawner/shared/inherited.h"

struct variable {
	const char *text;
	size_t name_bytes, place;
};

struct environment {
	struct variable *list;
	size_t n;
};

static void environment_add(struct environment *env, const char *text)
{
	env->list[env->n] = (struct variable){text, strcspn(text, "="), env->n};
	env->n++;
}

static int variable_compare_place(const void *a, const void *b)
{
	const struct variable *one = a, *other = b;

	return one->place < other->place ? -1 : one->place > other->place;
}

/* By name, those of one name as they came. */
static int variable_compare_name(const void *a, const void *b)
{
	const struct variable *one = a, *other = b;
	size_t n = one->name_bytes < other->name_bytes ? one->name_bytes : other->name_bytes;
	int order = memcmp(one->text, other->text, n);

	if (!order && one->name_bytes != other->name_bytes)
		order = one->name_bytes < other->name_bytes ? -1 : 1;
	return order ? order : variable_compare_place(a, b);
}

/*
 * Leaves one variable of each name: the last, in the place of the first. By sorting, since a spec may have
 * 69,000 variables, and nobody is served while we are at it.
 */
static void environment_settle(struct environment *env)
{
	size_t n = 0;

	qsort(env->list, env->n, sizeof(*env->list), variable_compare_name);
	for (size_t i = 0; i < env->n; i++) {
		struct variable *variable = &env->list[i], *before = n ? &env->list[n - 1] : NULL;

		if (before && before->name_bytes == variable->name_bytes &&
			!memcmp(before->text, variable->text, variable->name_bytes))
			before->text = variable->text;
		else
			env->list[n++] = *variable;
	}
	env->n = n;
	qsort(env->list, n, sizeof(*env->list), variable_compare_place);
}

/* NULL: no memory. */
static const char **environment_texts(const struct environment *env)
{
	const char **texts = calloc(env->n + 1, sizeof(*texts));

	for (size_t i = 0; texts && i < env->n; i++)
		texts[i] = env->list[i].text;
	return texts;
}

/* ---- user and group ---- */

#define GROUPS_MAX 1024

/* Whom a child runs as. */
struct identity {
	uint32_t flags; /* KEEPER_SPEC_UID, _GID, _GROUPS */
	uid_t uid;
	gid_t gid;
	gid_t groups[GROUPS_MAX];
	int n_groups;
	char home[256], name[64]; /* of the user; empty: not known */
};

static bool is_number(const char *text, unsigned long *ret)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret = strtoul(text, &end, 10);
	return !errno && !*end && *ret < UINT32_MAX;
}

static int identity_of_user(struct identity *who, const char *user, char text[LAUNCH_TEXT_BYTES])
{
	unsigned long number;
	bool numeric = is_number(user, &number);
	struct passwd *pw = numeric ? getpwuid((uid_t)number) : getpwnam(user);

	if (!pw && !numeric) {
		snprintf(text, LAUNCH_TEXT_BYTES, "no user is called %.100s", user);
		return -ENOENT;
	}
	who->flags |= KEEPER_SPEC_UID | KEEPER_SPEC_GROUPS;
	who->uid = pw ? pw->pw_uid : (uid_t)number;
	if (!pw)
		return 0;
	who->flags |= KEEPER_SPEC_GID;
	who->gid = pw->pw_gid;
	snprintf(who->home, sizeof(who->home), "%s", pw->pw_dir);
	snprintf(who->name, sizeof(who->name), "%s", pw->pw_name);
	return 0;
}

static int identity_of_group(struct identity *who, const char *group, char text[LAUNCH_TEXT_BYTES])
{
	unsigned long number;
	struct group *gr;

	if (is_number(group, &number)) {
		who->gid = (gid_t)number;
	} else {
		gr = getgrnam(group);
		if (!gr) {
			snprintf(text, LAUNCH_TEXT_BYTES, "no group is called %.100s", group);
			return -ENOENT;
		}
		who->gid = gr->gr_gid;
	}
	who->flags |= KEEPER_SPEC_GID | KEEPER_SPEC_GROUPS;
	return 0;
}

static int identity_find(struct identity *who, const struct child_spec *spec, char text[LAUNCH_TEXT_BYTES])
{
	int r = 0;

	*who = (struct identity){0};
	if (!spec->user && !spec->group)
		return 0;
	if (geteuid() != 0) {
		snprintf(text, LAUNCH_TEXT_BYTES,
			"only a node of root can change the user or group of a process; this node is of uid %u",
			(unsigned)geteuid());
		return -EPERM;
	}
	if (spec->user)
		r = identity_of_user(who, spec->user, text);
	if (!r && spec->group)
		r = identity_of_group(who, spec->group, text);
	if (!r && !(who->flags & KEEPER_SPEC_GID)) {
		snprintf(text, LAUNCH_TEXT_BYTES, "user %.100s is unknown here, so say its group, too",
			spec->user);
		r = -ENOENT;
	}
	/* As initgroups() does. A user without a name has no further groups. */
	who->n_groups = GROUPS_MAX;
	if (!r && who->name[0] && getgrouplist(who->name, who->gid, who->groups, &who->n_groups) < 0) {
		snprintf(text, LAUNCH_TEXT_BYTES, "user %.60s is in more than %d groups", who->name,
			GROUPS_MAX);
		r = -E2BIG;
	}
	if (!who->name[0])
		who->n_groups = 0;
	return r;
}

int launch_check(const struct child_spec *spec, char text[LAUNCH_TEXT_BYTES])
{
	struct identity who;

	return identity_find(&who, spec, text);
}

/* ---- the whole ---- */

/* Adds what the child inherits of the node's environment, with HOME and USER of its own user. */
static int environment_inherit(struct environment *env, char *base[INHERITED_N],
	const struct child_spec *spec, const struct identity *who)
{
	for (size_t i = 0; i < INHERITED_N; i++) {
		const char *name = inherited[i].name, *value = getenv(name);

		if (!value)
			value = inherited[i].otherwise;
		if (who->name[0] && !strcmp(name, "HOME"))
			value = who->home;
		if (who->name[0] && !strcmp(name, "USER"))
			value = who->name;
		if (!value || (spec->clear_env && !inherited[i].always))
			continue;
		if (asprintf(&base[i], "%s=%s", name, value) < 0) {
			base[i] = NULL;
			return -ENOMEM;
		}
		environment_add(env, base[i]);
	}
	return 0;
}

static void spec_isolate(struct keeper_spec *spec, struct keeper_rlimit rlimits[CHILD_LIMITS_N],
	const struct child_spec *child, const struct identity *who)
{
	spec->flags = who->flags | (child->has_umask ? KEEPER_SPEC_UMASK : 0) |
		      (child->has_nice ? KEEPER_SPEC_NICE : 0) |
		      (child->has_oom_score_adj ? KEEPER_SPEC_OOM : 0) |
		      (child->no_new_privs ? KEEPER_SPEC_NO_NEW_PRIVS : 0);
	spec->umask = child->umask;
	spec->nice = (int16_t)child->nice;
	spec->oom_score_adj = (int16_t)child->oom_score_adj;
	spec->uid = who->uid;
	spec->gid = who->gid;
	spec->groups = who->groups;
	spec->n_groups = (size_t)who->n_groups;
	spec->rlimits = rlimits;
	for (size_t i = 0; i < CHILD_LIMITS_N; i++)
		if (child->limits.of[i].set)
			rlimits[spec->n_rlimits++] = (struct keeper_rlimit){
				.resource = (uint32_t)child_limit_resource(i),
				.soft = child->limits.of[i].soft,
				.hard = child->limits.of[i].hard,
			};
}

int launch_seal(
	const struct launch *launch, const struct child *child, int *ret_fd, char text[LAUNCH_TEXT_BYTES])
{
	char hex[2 * TOKEN_MAX_BYTES + 1], token_variable[sizeof(hex) + 16];
	char *base[INHERITED_N] = {0}, *dir_variable = NULL;
	struct keeper_rlimit rlimits[CHILD_LIMITS_N];
	struct environment env = {0};
	const char **texts = NULL;
	struct keeper_spec spec = {0};
	struct identity who;
	struct token token;
	size_t n_env = 0;
	int err;

	err = identity_find(&who, &child->spec, text);
	if (err)
		return err;
	while (child->spec.env && child->spec.env[n_env])
		n_env++;
	env.list = calloc(n_env + INHERITED_N + 2, sizeof(*env.list));
	err = token_make(&token, launch->key, child->group, child->name);
	if (!env.list || asprintf(&dir_variable, ENV_RUNTIME_DIR "=%s", launch->runtime_dir) < 0)
		err = -ENOMEM;
	if (!err)
		err = environment_inherit(&env, base, &child->spec, &who);
	if (!err) {
		for (size_t i = 0; i < n_env; i++)
			environment_add(&env, child->spec.env[i]);
		environment_add(&env, dir_variable);
		token_to_hex(&token, hex);
		snprintf(token_variable, sizeof(token_variable), ENV_TOKEN "=%s", hex);
		environment_add(&env, token_variable);
		environment_settle(&env);
		texts = environment_texts(&env);
		err = texts ? 0 : -ENOMEM;
	}
	if (err) {
		snprintf(text, LAUNCH_TEXT_BYTES, "its environment cannot be made: %s", strerror(-err));
		goto out;
	}

	spec.argv = child->spec.argv;
	spec.env = texts;
	spec.cwd = child->spec.cwd;
	spec_isolate(&spec, rlimits, &child->spec, &who);
	spec.input = child->spec.input && child->spec.input[0] == '/' ? child->spec.input : NULL;
	err = keeper_spec_seal(&spec, ret_fd);
	if (err)
		snprintf(text, LAUNCH_TEXT_BYTES, "%.100s cannot be described to the keeper: %s",
			child->spec.argv[0], strerror(-err));
out:
	for (size_t i = 0; i < INHERITED_N; i++)
		free(base[i]);
	free(dir_variable);
	free(texts);
	free(env.list);
	return err;
}

/* ---- a program that could not be run ---- */

#define FIRST_LINE_BYTES 256u /* the kernel looks at no more bytes */

static const char *child_path_variable(const struct child *child)
{
	const char *path = getenv("PATH");

	for (const char *const *env = child->spec.env; env && *env; env++)
		if (!strncmp(*env, "PATH=", 5))
			path = *env + 5;
	return path ? path : INHERITED_PATH;
}

/*
 * Opens the program for reading if it is an executable regular file, and sets @path. -1: it is not, or it
 * cannot be opened.
 */
static int program_open_at(const char *dir, size_t dir_length, const char *program, char path[PATH_MAX])
{
	struct stat st;
	int fd;

	if (dir_length + 1 + strlen(program) >= PATH_MAX)
		return -1;
	snprintf(path, PATH_MAX, "%.*s%s%s", (int)dir_length, dir, dir_length ? "/" : "", program);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & 0111))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int program_open(const struct child *child, char path[PATH_MAX])
{
	const char *program = child->spec.argv[0], *cwd = child->spec.cwd ? child->spec.cwd : "/";
	const char *search = child_path_variable(child);

	if (program[0] == '/')
		return program_open_at("", 0, program, path);
	if (strchr(program, '/'))
		return program_open_at(cwd, strlen(cwd), program, path);
	for (;;) {
		size_t length = strcspn(search, ":");
		int fd = program_open_at(length ? search : cwd, length ? length : strlen(cwd), program, path);

		if (fd >= 0 || !search[length])
			return fd;
		search += length + 1;
	}
}

/*
 * The interpreter that a first line `#!…` names, with control characters made visible. False: there is no
 * such line.
 */
static bool interpreter_of(
	const char *line, size_t size_bytes, char ret[2 * FIRST_LINE_BYTES], bool *ret_carriage)
{
	size_t n = 0, at = 2;

	*ret_carriage = false;
	if (size_bytes < 2 || line[0] != '#' || line[1] != '!')
		return false;
	while (at < size_bytes && (line[at] == ' ' || line[at] == '\t'))
		at++;
	for (; at < size_bytes && !strchr(" \t\n", line[at]) && line[at] && n < 2 * FIRST_LINE_BYTES - 5;
		at++) {
		unsigned char c = (unsigned char)line[at];

		if (c == '\r')
			n += (size_t)sprintf(ret + n, "\\r");
		else if (c < 0x20 || c == 0x7f)
			n += (size_t)sprintf(ret + n, "\\x%02x", c);
		else
			ret[n++] = (char)c;
		*ret_carriage |= c == '\r';
	}
	ret[n] = 0;
	return n > 0;
}

/* The dynamic loader that an ELF program names. */
static bool loader_of(int fd, char *ret, size_t size_bytes)
{
	Elf64_Ehdr head;

	if (pread(fd, &head, sizeof(head), 0) != sizeof(head) || memcmp(head.e_ident, ELFMAG, SELFMAG) ||
		head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_phentsize != sizeof(Elf64_Phdr))
		return false;
	for (unsigned i = 0; i < head.e_phnum; i++) {
		Elf64_Phdr part;
		ssize_t n;

		if (pread(fd, &part, sizeof(part), (off_t)(head.e_phoff + i * sizeof(part))) != sizeof(part))
			return false;
		if (part.p_type != PT_INTERP)
			continue;
		n = pread(fd, ret, part.p_filesz < size_bytes ? part.p_filesz : size_bytes - 1,
			(off_t)part.p_offset);
		if (n <= 0)
			return false;
		ret[n] = 0;
		return true;
	}
	return false;
}

bool launch_explain(const struct child *child, int error, char text[LAUNCH_TEXT_BYTES])
{
	char line[FIRST_LINE_BYTES], named[2 * FIRST_LINE_BYTES], path[PATH_MAX];
	bool carriage, scripted, is_elf, explained = false;
	ssize_t n;
	int fd;

	if (error != ENOENT && error != EACCES && error != ENOEXEC)
		return false;
	fd = program_open(child, path);
	if (fd < 0)
		return false;
	n = read(fd, line, sizeof(line));
	scripted = n > 0 && interpreter_of(line, (size_t)n, named, &carriage);
	is_elf = n >= SELFMAG && !memcmp(line, ELFMAG, SELFMAG);
	if (scripted && error != ENOEXEC && (carriage || access(named, X_OK) < 0)) {
		snprintf(text, LAUNCH_TEXT_BYTES, "%s: %.60s%s, the interpreter of %.100s", strerror(error),
			named, carriage ? " (it ends in a carriage return)" : "", path);
		explained = true;
	} else if (error == ENOENT && loader_of(fd, named, sizeof(named))) {
		snprintf(text, LAUNCH_TEXT_BYTES, "%s: %.80s, the loader that %.100s was built for",
			strerror(error), named, path);
		explained = true;
	} else if (error == ENOEXEC && !scripted && n >= 0) {
		snprintf(text, LAUNCH_TEXT_BYTES,
			is_elf ? "%s: %.100s is a program for another kind of machine"
			: n ? "%s: %.100s is no program, and has no first line with #! that names an interpreter"
			    : "%s: %.100s is empty",
			strerror(error), path);
		explained = true;
	}
	close(fd);
	return explained;
}
