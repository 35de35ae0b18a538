/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules by which whoever starts a node and whoever joins it come to the same directories; libc only, no
 * heap
 */
#pragma once

#define RUNTIME_DIR_PATH_SIZE 4096

/*
 * Where the sockets are: @said if it is not NULL, else $ACTOR_RUNTIME_DIR, else the usual place:
 * $XDG_RUNTIME_DIR/actor, else /run/actor (root), else /run/user/$UID/actor if the session manager made
 * /run/user/$UID, else /tmp/actor-$UID. 0 or -ENAMETOOLONG.
 */
int runtime_dir_resolve(const char *said, char ret_path[RUNTIME_DIR_PATH_SIZE]);

/*
 * Where the logs of the node in @runtime_dir (as runtime_dir_resolve() gave it) go: @said, else
 * $ACTOR_LOG_DIR, else the usual place: $XDG_STATE_HOME/actor, else /var/log/actor (root, or without $HOME),
 * else ~/.local/state/actor. The node in the usual runtime directory has that place itself. Another node has
 * nodes/NAME in it, with NAME made of the path of its runtime directory. 0 or -ENAMETOOLONG.
 */
int log_dir_resolve(const char *said, const char *runtime_dir, char ret_path[RUNTIME_DIR_PATH_SIZE]);
