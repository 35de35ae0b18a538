%% SPDX-License-Identifier: Apache-2.0
-module(bench_sup).
-behaviour(supervisor).
-export([init/1]).

init(Start) ->
    {ok, {#{strategy => one_for_one, intensity => 1000, period => 1}, [#{id => node, start => Start, shutdown => brutal_kill}]}}.
