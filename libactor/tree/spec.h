/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies of the program's specs of supervisors and children. A copy does not change, and counts its users. So
 * all lives of a supervisor or of a child use one copy.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "actor/supervisor.h"
#include "libactor/supervision/engine.h"

enum child_kind { CHILD_ACTOR, CHILD_SUPERVISOR, CHILD_PROCESS };

struct tree_spec;

struct child_spec_copy {
	unsigned n_users;
	enum child_kind kind;
	char *name; /* NULL: the supervisor makes one */
	struct supervision_child_spec engine;
	bool keep_state;
	const struct actor_behavior *behavior; /* CHILD_ACTOR */
	const void *arg;
	void *own_arg;                     /* NULL: the program keeps what arg points to */
	struct tree_spec *tree;            /* CHILD_SUPERVISOR */
	struct actor_process_spec process; /* CHILD_PROCESS */
	char **argv, **env;
	char *process_name, *cwd;
};

struct tree_spec {
	unsigned n_users;
	struct supervision_config config;
	char *name;
	struct child_spec_copy **children;
	size_t n_children;
	void (*on_event)(actor *supervisor, const struct actor_supervisor_event *event, void *arg);
	void *arg;
};

/*
 * Checks and copies. @group NULL: only checks. Returns 0 or -ENOMEM. After -EINVAL and -E2BIG *ret_text is a
 * sentence for people that says why.
 */
int tree_spec_new(actor_group *group, const struct actor_supervisor_options *given, size_t given_bytes,
	struct tree_spec **ret, const char **ret_text);
/* The same for one child. @tree: the spec of its supervisor. */
int child_spec_copy_new(actor_group *group, const struct tree_spec *tree,
	const struct actor_child_spec *given, size_t given_bytes, struct child_spec_copy **ret,
	const char **ret_text);

/* NULL is allowed. */
void tree_spec_drop(struct tree_spec *tree);
void child_spec_copy_drop(struct child_spec_copy *spec);
