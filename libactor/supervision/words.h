/* SPDX-License-Identifier: Apache-2.0 */
/* The words of supervision: names of strategies, restart types, states, exits and causes. */
#pragma once

enum supervision_strategy {
	SUPERVISION_ONE_FOR_ONE,
	SUPERVISION_ONE_FOR_ALL,
	SUPERVISION_REST_FOR_ONE,
	_SUPERVISION_STRATEGY_N,
};

enum supervision_auto_shutdown {
	SUPERVISION_AUTO_NEVER,
	SUPERVISION_AUTO_ANY_SIGNIFICANT,
	SUPERVISION_AUTO_ALL_SIGNIFICANT,
	_SUPERVISION_AUTO_N,
};

enum supervision_restart {
	SUPERVISION_PERMANENT,
	SUPERVISION_TRANSIENT,
	SUPERVISION_TEMPORARY,
	_SUPERVISION_RESTART_N,
};

enum supervision_exit {
	SUPERVISION_EXIT_NONE,   /* the instance has not ended yet */
	SUPERVISION_EXIT_NORMAL, /* exit status 0 */
	/* ended in good order because it was told to; or a supervisor that gave up */
	SUPERVISION_EXIT_SHUTDOWN,
	SUPERVISION_EXIT_ABNORMAL, /* any other status, any signal but KILL, a failed start */
	SUPERVISION_EXIT_KILLED,
	SUPERVISION_EXIT_FATAL, /* asks not to be restarted (exit status 125, a start that can never work) */
	_SUPERVISION_EXIT_N,
};

enum supervision_state {
	SUPERVISION_DOWN,     /* no instance, and no start is planned */
	SUPERVISION_WAITING,  /* will start when its siblings have stopped, or the ones before it are ready */
	SUPERVISION_BACKOFF,  /* will start when deadline_ns has come */
	SUPERVISION_STARTING, /* START went out */
	SUPERVISION_UP,       /* started, not (yet) ready */
	SUPERVISION_READY,
	SUPERVISION_STOPPING,
	_SUPERVISION_STATE_N,
};

/* Why something happens, for STOP, KILL, GONE and DONE. */
enum supervision_cause {
	SUPERVISION_CAUSE_NONE,
	SUPERVISION_CAUSE_ENDED,        /* ended by itself, and its restart type allows no restart */
	SUPERVISION_CAUSE_COMMAND,      /* supervision_child_stop() */
	SUPERVISION_CAUSE_RESTART,      /* supervision_child_restart() */
	SUPERVISION_CAUSE_SIBLING,      /* one_for_all, rest_for_one */
	SUPERVISION_CAUSE_NOT_READY,    /* ready_timeout_ms has passed */
	SUPERVISION_CAUSE_OVERSTAYED,   /* KILL: shutdown_ms has passed */
	SUPERVISION_CAUSE_START_FAILED, /* GONE, DONE: the first start failed, or no start can ever work */
	SUPERVISION_CAUSE_SHUTDOWN,     /* supervision_shutdown(), and children of any supervisor that ends */
	SUPERVISION_CAUSE_INTENSITY,    /* GONE, DONE: too many restarts */
	SUPERVISION_CAUSE_AUTO,         /* DONE: auto_shutdown */
	SUPERVISION_CAUSE_IGNORED,      /* GONE: its start said that it is not needed now */
	_SUPERVISION_CAUSE_N,
};

/*
 * The functions return words for people and files: "one_for_one", "any_significant", "backoff" ...; "?" for a
 * value out of range.
 */
const char *supervision_strategy_name(enum supervision_strategy strategy);
const char *supervision_auto_shutdown_name(enum supervision_auto_shutdown auto_shutdown);
const char *supervision_state_name(enum supervision_state state);
const char *supervision_exit_name(enum supervision_exit exit);
const char *supervision_cause_name(enum supervision_cause cause);
