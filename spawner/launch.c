#include "launch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keeper-client.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct environment {
	const char **list;
	size_t n;
};

static size_t name_length(const char *variable)
{
	const char *eq = strchr(variable, '=');

	return eq ? (size_t)(eq - variable) : strlen(variable);
}

/* The last one of a name counts. */
static void environment_add(struct environment *env, const char *variable)
{
	size_t length = name_length(variable);

	for (size_t i = 0; i < env->n; i++)
		if (name_length(env->list[i]) == length && !memcmp(env->list[i], variable, length)) {
			env->list[i] = variable;
			return;
		}
	env->list[env->n++] = variable;
}

int launch_seal(const struct launch *launch, const struct child *child, int *ret_fd, char text[LAUNCH_TEXT_BYTES])
{
	static const char *const inherited[][2] = {
		{"HOME", "/"}, {"PATH", DEFAULT_PATH}, {"USER", NULL}, {"LANG", NULL}, {"ACTOR_LOG_LEVEL", NULL}};
	enum { N_INHERITED = sizeof(inherited) / sizeof(inherited[0]) };
	char hex[2 * TOKEN_MAX_BYTES + 1], token_variable[sizeof(hex) + 16];
	char *base[N_INHERITED] = {0}, *dir_variable = NULL;
	struct environment env = {0};
	struct keeper_spec spec = {0};
	struct token token;
	size_t n_env = 0;
	int err;

	while (child->spec.env && child->spec.env[n_env])
		n_env++;
	env.list = calloc(n_env + N_INHERITED + 3, sizeof(char *));
	err = token_make(&token, launch->key, child->group, child->name);
	if (!env.list || asprintf(&dir_variable, "ACTOR_RUNTIME_DIR=%s", launch->runtime_dir) < 0)
		err = -ENOMEM;
	for (size_t i = 0; i < N_INHERITED && !err; i++) {
		const char *value = getenv(inherited[i][0]);

		if (!value)
			value = inherited[i][1];
		if (value && asprintf(&base[i], "%s=%s", inherited[i][0], value) < 0)
			err = -ENOMEM;
		else if (value)
			environment_add(&env, base[i]);
	}
	if (err) {
		snprintf(text, LAUNCH_TEXT_BYTES, "its environment cannot be made: %s", strerror(-err));
		goto out;
	}
	for (size_t i = 0; i < n_env; i++)
		environment_add(&env, child->spec.env[i]);
	environment_add(&env, dir_variable);
	token_to_hex(&token, hex);
	snprintf(token_variable, sizeof(token_variable), "ACTOR_TOKEN=%s", hex);
	environment_add(&env, token_variable);

	spec.argv = (const char *const *)child->spec.argv;
	spec.env = env.list;
	spec.cwd = child->spec.cwd;
	err = keeper_spec_seal(&spec, ret_fd);
	if (err)
		snprintf(text, LAUNCH_TEXT_BYTES, "%.100s cannot be described to the keeper: %s", child->spec.argv[0],
			strerror(-err));
out:
	for (size_t i = 0; i < N_INHERITED; i++)
		free(base[i]);
	free(dir_variable);
	free(env.list);
	return err;
}
