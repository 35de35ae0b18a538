%% SPDX-License-Identifier: Apache-2.0
%%
%% Erlang/OTP with the usual parts: gen_server with calls and casts, supervisor, pg, monitors. Variant `vm`: processes of one VM.
%% Variant `nodes`: two VMs with distribution over loopback. No epmd is started, since the port is given (-erl_epmd_port).
%% A message is {Seq, Tag, Padding}. Its size is 16 bytes plus the padding, as in the C driver.
-module(bench).
-behaviour(gen_server).
-export([main/0, serve/0, sink/3, start_peer/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

-define(TAIL, 60).

main() ->
    [Variant, Workload | Options] = init:get_plain_arguments(),
    Args = options(Options, #{seconds => 1.0, peers => 1, sizes => [64], dir => "."}),
    %% a heap that is large enough from the start, so that its growth by the samples is not measured
    {Pid, Ref} = spawn_opt(fun() -> run(list_to_atom(Variant), list_to_atom(Workload), Args) end,
                           [monitor, {min_heap_size, 4000000}]),
    receive
        {'DOWN', Ref, process, Pid, normal} -> halt(0);
        {'DOWN', Ref, process, Pid, Why} ->
            io:format(standard_error, "bench: ~0p~n", [Why]),
            halt(1)
    end.

options(["--seconds", S | T], A) -> options(T, A#{seconds := to_float(S)});
options(["--peers", N | T], A) -> options(T, A#{peers := list_to_integer(N)});
options(["--size", S | T], A) -> options(T, A#{sizes := [list_to_integer(X) || X <- string:tokens(S, ",")]});
options(["--port", P | T], A) -> options(T, A#{port => P});
options(["--killer", P | T], A) -> options(T, A#{killer => P});
options(["--dir", D | T], A) -> options(T, A#{dir := D});
options([], A) -> A.

to_float(S) ->
    case string:to_float(S) of
        {error, _} -> float(list_to_integer(S));
        {F, _} -> F
    end.

now_ns() -> erlang:monotonic_time(nanosecond).
warm_ns(#{seconds := S}) -> round(S * 0.25e9).
window_ns(#{seconds := S}) -> round(S * 1.0e9).

%% ---- the server of the calls, and the sink of the casts ----

init({echo, Parent}) -> {ok, {echo, Parent}};
init({sink, Senders, Warm, Window, Every}) ->
    Kind = if Senders =:= 1 -> sink; true -> many end,
    {ok, {Kind, 0, 0, #{senders => Senders, warm => Warm, window => Window, every => Every,
                      ended => 0, errors => 0}}}.

handle_call({echo, X}, _From, S) -> {reply, X, S};
handle_call(result, From, {Kind, N, Look, S}) -> {noreply, done({Kind, N, Look, S#{waiter => From}})}.

%% The sink should do as little as that of the C driver. One sender is checked by a comparison, many by the process dictionary.
%% All else is in a map that is used only when the clock is read.
handle_cast({N, 0, _}, {sink, N, Look, S}) when N =/= Look -> {noreply, {sink, N + 1, Look, S}};
handle_cast({Seq, Tag, _}, {sink, N, Look, #{errors := Bad} = S}) ->
    Bad1 = if Seq =:= N -> Bad; true -> Bad + 1 end,
    {noreply, sink_look(sink, Tag, N + 1, Look, S#{errors := Bad1})};
handle_cast({Seq, Tag, _}, {many, N, Look, S}) when N =/= Look, Tag < 16#10000 ->
    case put(Tag, Seq + 1) of
        Seq -> {noreply, {many, N + 1, Look, S}};
        undefined when Seq =:= 0 -> {noreply, {many, N + 1, Look, S}};
        _ -> {noreply, {many, N + 1, Look, maps:update_with(errors, fun(B) -> B + 1 end, S)}}
    end;
handle_cast({Seq, Tag, _}, {Kind, N, Look, #{errors := Bad} = S}) ->
    Ok = case put(Tag band 16#ffff, Seq + 1) of Seq -> true; undefined -> Seq =:= 0; _ -> false end,
    Bad1 = if Ok -> Bad; true -> Bad + 1 end,
    {noreply, sink_look(Kind, Tag, N + 1, Look, S#{errors := Bad1})}.

handle_info({nodedown, _}, S) -> halt(0), {noreply, S};
handle_info(_, S) -> {noreply, S}.

%% The window begins a warm-up after the first message that was looked at.
sink_look(Kind, Tag, N, Look, #{every := Every, ended := Ended} = S0) ->
    T = now_ns(),
    S = case S0 of
            #{result := _} -> S0;
            #{start := T0, start_n := N0, window := W} when T - T0 >= W -> S0#{result => {N - N0, T - T0}};
            #{start := _} -> S0;
            #{first := At, warm := Warm} when T - At >= Warm -> S0#{start => T, start_n => N};
            #{first := _} -> S0;
            _ -> S0#{first => T}
        end,
    Next = if N >= Look + Every -> N + Every; N > Look -> Look + Every; true -> Look end,
    S1 = if Tag >= 16#10000 -> S#{ended := Ended + 1}; true -> S end,
    done({Kind, N, Next, S1}).

done({_, N, _, #{ended := E, senders := E, waiter := W, errors := Bad} = S} = State) ->
    %% bursts were so long that no window can be cut, so the whole run counts
    Result = maps:get(result, S, {N, max(1, now_ns() - maps:get(first, S, now_ns()))}),
    gen_server:reply(W, {Result, N, Bad, not maps:is_key(result, S)}),
    State;
done(State) -> State.

%% Runs on the other node.
serve() ->
    {ok, _} = gen_server:start({local, echo}, ?MODULE, {echo, self()}, []),
    spawn(fun() -> timer:sleep(10000), nodes(connected) =/= [] orelse halt(1) end),
    ok.

sink(Senders, Args, Size) ->
    Every = if Size >= 4096 -> 1; true -> 16 end,
    {ok, Pid} = gen_server:start(?MODULE, {sink, Senders, warm_ns(Args), window_ns(Args), Every}, []),
    Pid.

%% ---- the other node ----

node_name() -> list_to_atom("server@localhost").

node_arguments(#{port := Port}) ->
    ["-noinput", "-pa", filename:dirname(code:which(?MODULE)), "-start_epmd", "false", "-erl_epmd_port", Port,
     "-kernel", "inet_dist_use_interface", "{127,0,0,1}", "-setcookie", atom_to_list(erlang:get_cookie())].

%% Returns the node and its pid. The node ends with this VM: it reads its standard input from here, and watches this node.
node_start(Args) ->
    Code = "bench:serve(), ok.",
    Port = open_port({spawn_executable, os:find_executable("erl")},
                     [{args, ["-sname", "server@localhost" | node_arguments(Args)] ++ ["-eval", Code]}, exit_status]),
    Node = node_name(),
    node_wait(Node, 1000),
    Self = node(),
    erpc:call(Node, fun() -> spawn(fun() -> monitor_node(Self, true), receive {nodedown, _} -> halt(0) end end) end),
    {Node, list_to_integer(erpc:call(Node, os, getpid, [])), Port}.

node_wait(Node, 0) -> exit({node_did_not_come_up, Node});
node_wait(Node, N) ->
    case net_kernel:connect_node(Node) andalso erpc:call(Node, erlang, whereis, [echo]) of
        Pid when is_pid(Pid) -> ok;
        _ -> timer:sleep(10), node_wait(Node, N - 1)
    end.

runtime_ms(Nodes) -> lists:sum([element(1, erpc:call(N, erlang, statistics, [runtime])) || N <- Nodes]).

%% ---- workloads ----

run(nodes, call_hot, A) -> calls(call_hot, A, fun() -> ok end);
run(nodes, call_idle, A) -> calls(call_idle, A, fun() -> timer:sleep(1) end);
run(nodes, oneway, A) -> flows(A, oneway, 1, 1);
run(nodes, fanin, #{peers := N} = A) -> flows(A, fanin, N, 1);
run(nodes, fanout, #{peers := N} = A) -> flows(A, fanout, 1, N);
run(nodes, death, A) -> death(A);
run(nodes, restart, A) -> restart(A);
run(nodes, mem_process, A) ->
    {Node, Pid, _} = node_start(A),
    {echo_me, 1} = gen_server:call({echo, Node}, {echo, {echo_me, 1}}),
    timer:sleep(100),
    report_bytes(mem_process, private_bytes(Pid));
run(vm, local_call, A) ->
    {ok, Pid} = gen_server:start(?MODULE, {echo, self()}, []),
    batches(local_call, A, fun(I) -> I = gen_server:call(Pid, {echo, I}) end);
run(vm, local_oneway, A) -> local_flow(A);
run(vm, local_spawn, A) ->
    batches(local_spawn, A, fun(_) -> spawn(fun() -> receive stop -> ok end end) end,
            fun(Pids) -> [exit(P, kill) || P <- Pids] end);
run(vm, suite_create, A) ->
    repeated(suite_create, A, 10000, fun() ->
        T0 = now_ns(),
        Refs = [spawn_monitor(fun() -> self() ! go, receive go -> ok end end) || _ <- lists:seq(1, 10000)],
        T = now_ns() - T0,
        await(Refs), T end);
run(vm, suite_self, A) ->
    repeated(suite_self, A, 100000, fun() -> timed_actor(fun() -> self() ! go, self_loop(100000) end, fun(_) -> ok end) end);
run(vm, suite_small, A) ->
    repeated(suite_small, A, 10000, fun() -> timed_actor(fun() -> count_loop(10000) end,
                                                          fun(P) -> [P ! I || I <- lists:seq(1, 10000)] end) end);
run(vm, suite_large, A) ->
    Message = list_to_tuple(lists:seq(1, 32)),
    repeated(suite_large, A, 1000, fun() -> timed_actor(fun() -> count_loop(1000) end,
                                                        fun(P) -> [P ! Message || _ <- lists:seq(1, 1000)] end) end);
run(vm, suite_spawn_stop, A) ->
    repeated(suite_spawn_stop, A, 1000, fun() ->
        T0 = now_ns(),
        await([spawn_monitor(fun() -> ok end) || _ <- lists:seq(1, 1000)]),
        now_ns() - T0 end);
run(vm, name_lookup, A) ->
    register(known, self()),
    Self = self(),
    batches(name_lookup, A, fun(_) -> Self = whereis(known) end);
run(vm, name_register, A) ->
    Names = list_to_tuple([list_to_atom("n" ++ integer_to_list(I)) || I <- lists:seq(0, 99)]),
    Self = self(),
    Others = list_to_tuple([spawn(fun() -> monitor(process, Self), receive _ -> ok end end) || _ <- lists:seq(0, 99)]),
    batches(name_register, A, fun(I) -> true = register(element(I rem 100 + 1, Names), element(I rem 100 + 1, Others)) end,
            fun(_) -> [unregister(N) || N <- tuple_to_list(Names)] end);
run(vm, group_join, A) ->
    {ok, _} = pg:start_link(),
    Pids = [spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, 1000)],
    End = now_ns() + window_ns(A),
    Samples = join_all(Pids, End, []),
    report_latency(group_join, 64, Samples, A);
run(vm, group_cast, A) -> group_cast(A);
run(vm, mem_actor, _A) ->
    Pid = list_to_integer(os:getpid()),
    idle_actors(1000),
    garbage_collect(),
    Before = private_bytes(Pid),
    N = 10000,
    Pids = idle_actors(N),
    After = private_bytes(Pid),
    true = lists:all(fun is_process_alive/1, Pids),
    report_bytes(mem_actor, max(1, (After - Before) div N));
run(V, W, _) -> exit({no_such_workload, V, W}).

%% A process of their own makes them, so that its garbage is freed with it.
idle_actors(N) ->
    {Pid, Ref} = spawn_monitor(fun() ->
        exit({made, [begin {ok, P} = gen_server:start(?MODULE, {echo, self()}, []), P end || _ <- lists:seq(1, N)]}) end),
    Pids = receive {'DOWN', Ref, process, Pid, {made, All}} -> All end,
    garbage_collect(),
    timer:sleep(50),
    Pids.

join_all([], _, Samples) -> Samples;
join_all([P | T], End, Samples) ->
    T0 = now_ns(),
    ok = pg:join(group, P),
    T1 = now_ns(),
    if T1 > End -> [T1 - T0 | Samples]; true -> join_all(T, End, [T1 - T0 | Samples]) end.

await(Refs) -> [receive {'DOWN', R, _, _, _} -> ok end || {_, R} <- Refs].

self_loop(0) -> ok;
self_loop(N) -> receive go when N > 1 -> self() ! go, self_loop(N - 1); go -> ok end.

count_loop(0) -> ok;
count_loop(N) -> receive _ -> count_loop(N - 1) end.

timed_actor(Body, Feed) ->
    {Pid, Ref} = spawn_monitor(fun() -> receive start -> Body() end end),
    T0 = now_ns(),
    Pid ! start,
    Feed(Pid),
    receive {'DOWN', Ref, _, _, _} -> now_ns() - T0 end.

%% The time of one unit: that of one repetition divided by its number of units.
repeated(Workload, A, Units, F) ->
    F(),
    End = now_ns() + window_ns(A),
    report_latency(Workload, 64, repeat(F, Units, End, []), A).

repeat(F, Units, End, Acc) ->
    Sample = F() / Units,
    case now_ns() of
        T when T < End -> repeat(F, Units, End, [Sample | Acc]);
        _ -> [Sample | Acc]
    end.

%% Batches of 100, with one reading of the clock for each. The first of the two is the plain loop that a user would write.
batches(Workload, A, F) ->
    batch(fun(N) -> loop(F, N, N + 100) end, now_ns() + warm_ns(A), 0, []),
    report_latency(Workload, 64, batch(fun(N) -> loop(F, N, N + 100) end, now_ns() + window_ns(A), 0, []), A).

%% The results of a batch are cleaned up after it, which is not timed.
batches(Workload, A, F, Tidy) ->
    Timed = fun(N) -> T0 = now_ns(), All = [F(I) || I <- lists:seq(N, N + 99)], T = now_ns() - T0, Tidy(All), T end,
    batch(Timed, now_ns() + warm_ns(A), 0, []),
    report_latency(Workload, 64, batch(Timed, now_ns() + window_ns(A), 0, []), A).

batch(Timed, End, N, Acc) ->
    Samples = [Timed(N) / 100 | Acc],
    case now_ns() < End of true -> batch(Timed, End, N + 100, Samples); false -> Samples end.

loop(F, N, End) -> loop(F, N, End, now_ns()).

loop(_, End, End, T0) -> now_ns() - T0;
loop(F, N, End, T0) -> F(N), loop(F, N + 1, End, T0).

calls(Workload, #{sizes := Sizes} = A, Before) ->
    {Node, _, _} = node_start(A),
    [begin
         Pad = binary:copy(<<0>>, Size - 8),
         Ask = fun(Seq) -> {Seq, Pad} = gen_server:call({echo, Node}, {echo, {Seq, Pad}}) end,
         call_loop(Ask, Before, now_ns() + warm_ns(A), 0, []),
         Samples = call_loop(Ask, Before, now_ns() + window_ns(A), 0, []),
         report_latency(Workload, Size, Samples, A)
     end || Size <- Sizes].

call_loop(Ask, Before, End, Seq, Acc) ->
    Before(),
    T0 = now_ns(),
    Ask(Seq),
    T1 = now_ns(),
    if T1 < End -> call_loop(Ask, Before, End, Seq + 1, [T1 - T0 | Acc]); true -> [T1 - T0 | Acc] end.

flows(#{sizes := Sizes} = A, Workload, NSenders, NReceivers) ->
    {Node, _, _} = node_start(A),
    [begin
         Sinks = [erpc:call(Node, ?MODULE, sink, [NSenders, A, Size]) || _ <- lists:seq(1, NReceivers)],
         flow(A, Workload, Size, NSenders, Sinks, [node(), Node])
     end || Size <- Sizes].

local_flow(A) -> flow(A, local_oneway, 16, 1, [sink(1, A, 16)], [node()]).

flow(A, Workload, Size, NSenders, Sinks, Nodes) ->
    Pad = binary:copy(<<0>>, Size - 16),
    Every = if Size >= 4096 -> 1; true -> 16 end,
    End = now_ns() + warm_ns(A) + window_ns(A) + ?TAIL * 1000000 + warm_ns(A),
    Self = self(),
    AtGo = runtime_ms(Nodes),
    [spawn_link(fun() -> Self ! {sent, send_loop(Sinks, Pad, I, 0, Every, End)} end) || I <- lists:seq(0, NSenders - 1)],
    timer:sleep(warm_ns(A) div 1000000),
    Cpu0 = runtime_ms(Nodes),
    T0 = now_ns(),
    timer:sleep(window_ns(A) div 1000000),
    Share = (runtime_ms(Nodes) - Cpu0) * 1.0e6 / (now_ns() - T0),
    Sent = lists:sum([receive {sent, N} -> N end || _ <- lists:seq(1, NSenders)]) * length(Sinks),
    Results = [gen_server:call(S, result, 60000) || S <- Sinks],
    Received = lists:sum([N || {_, N, _, _} <- Results]),
    Bad = lists:sum([B || {_, _, B, _} <- Results]),
    Whole = lists:any(fun({_, _, _, W}) -> W end, Results),
    Windows = [R || {R, _, _, _} <- Results],
    Count = lists:sum([N || {N, _} <- Windows]),
    Rate = 0.0 + lists:sum([N * 1.0e9 / T || {N, T} <- Windows]),
    Cost = if Whole -> (runtime_ms(Nodes) - AtGo) * 1.0e3 / max(Received, 1); true -> Share * 1.0e6 / Rate end,
    io:format("{\"workload\":\"~s\",\"size\":~b,\"unit\":\"msgs/s\",\"n\":~b,\"whole\":~s,\"senders\":~b,\"receivers\":~b,\"msgs_per_s\":~.1f,"
              "\"cpu_s_per_mmsg\":~.4f,\"check\":{\"sent\":~b,\"received\":~b,\"errors\":~b}}~n",
              [Workload, Size, Count, Whole, NSenders, length(Sinks), Rate, Cost, Sent, Received, Bad]).

send_loop(Sinks, Pad, Tag, N, Every, End) when N rem Every =:= 0 ->
    case now_ns() >= End of
        true -> send_all(Sinks, {N, Tag bor 16#10000, Pad}), N + 1;
        false -> send_all(Sinks, {N, Tag, Pad}), send_loop(Sinks, Pad, Tag, N + 1, Every, End)
    end;
send_loop(Sinks, Pad, Tag, N, Every, End) ->
    send_all(Sinks, {N, Tag, Pad}),
    send_loop(Sinks, Pad, Tag, N + 1, Every, End).

send_all([S], M) -> gen_server:cast(S, M);
send_all(Sinks, M) -> [gen_server:cast(S, M) || S <- Sinks].

group_cast(A) ->
    {ok, _} = pg:start_link(),
    Count = counters:new(1, [write_concurrency]),
    Pids = [spawn(fun() -> group_member(Count) end) || _ <- lists:seq(1, 1000)],
    ok = pg:join(group, Pids),
    Cpu0 = runtime_ms([node()]),
    T0 = now_ns(),
    N = group_cast_loop(Count, T0 + window_ns(A), 0),
    wait_count(Count, N),
    T = now_ns() - T0,
    Cpu = (runtime_ms([node()]) - Cpu0) / 1000,
    io:format("{\"workload\":\"group_cast\",\"size\":64,\"unit\":\"msgs/s\",\"n\":~b,\"msgs_per_s\":~.1f,\"cpu_s_per_mmsg\":~.4f,"
              "\"check\":{\"sent\":~b,\"received\":~b,\"errors\":0}}~n",
              [N, N * 1.0e9 / T, Cpu / (N / 1.0e6), N, counters:get(Count, 1)]).

group_member(Count) -> receive _ -> counters:add(Count, 1, 1), group_member(Count) end.

group_cast_loop(Count, End, N) ->
    [P ! {cast, N} || P <- pg:get_members(group)],
    wait_count(Count, N - 3000),
    case now_ns() < End of true -> group_cast_loop(Count, End, N + 1000); false -> N + 1000 end.

wait_count(Count, N) ->
    case counters:get(Count, 1) >= N of true -> ok; false -> erlang:yield(), wait_count(Count, N) end.

%% ---- death and restart of a VM ----

%% The helper kills and writes the time, by a clock that both can read.
killer(#{killer := Path}) -> open_port({spawn_executable, Path}, [{line, 64}, exit_status]).

kill(Killer, Pid) -> port_command(Killer, [integer_to_list(Pid), "\n"]).

killed_at(Killer) -> receive {Killer, {data, {eol, T}}} -> list_to_integer(T) end.

os_now() -> erlang:convert_time_unit(proplists:get_value(time, erlang:system_info(os_monotonic_time_source)), native, nanosecond).

death(A) ->
    Killer = killer(A),
    End = now_ns() + window_ns(A),
    report_latency(death, 64, tl(lists:reverse(death_loop(A, Killer, End, []))), A).

death_loop(A, Killer, End, Acc) ->
    {Node, Pid, Port} = node_start(A),
    Ref = monitor(process, {echo, Node}),
    {x, 1} = gen_server:call({echo, Node}, {echo, {x, 1}}),
    timer:sleep(2),
    kill(Killer, Pid),
    Notice = receive {'DOWN', Ref, process, _, noconnection} -> os_now() end,
    Sample = Notice - killed_at(Killer),
    receive {Port, {exit_status, _}} -> ok end,
    case now_ns() < End orelse length(Acc) < 2 of
        true -> death_loop(A, Killer, End, [Sample | Acc]);
        false -> [Sample | Acc]
    end.

%% A VM as a child of a supervisor. peer(3) is OTP's own way to do this.
start_peer(A) ->
    {ok, Pid, Node} = peer:start_link(#{name => server, host => "localhost", connection => standard_io, args => node_arguments(A) -- ["-noinput"]}),
    ok = peer:call(Pid, ?MODULE, serve, []),
    true = net_kernel:connect_node(Node),
    {ok, Pid}.

restart(A) ->
    logger:set_primary_config(level, none),
    Killer = killer(A),
    Parent = self(),
    spawn(fun() ->
        {ok, _} = supervisor_start(A),
        Parent ! up,
        receive stop -> ok end
    end),
    receive up -> ok end,
    End = now_ns() + window_ns(A),
    report_latency(restart, 64, tl(lists:reverse(restart_loop(Killer, node_name(), End, 0, []))), A).

supervisor_start(A) ->
    supervisor:start_link(bench_sup, {?MODULE, start_peer, [A]}).

restart_loop(Killer, Node, End, N, Acc) ->
    Pid = list_to_integer(erpc:call(Node, os, getpid, [])),
    timer:sleep(2),
    kill(Killer, Pid),
    T0 = killed_at(Killer),
    ask_until(Node, Pid),
    Sample = os_now() - T0,
    case now_ns() < End orelse N < 2 of
        true -> restart_loop(Killer, Node, End, N + 1, [Sample | Acc]);
        false -> [Sample | Acc]
    end.

%% Waits until the *new* VM answers.
ask_until(Node, Old) ->
    try gen_server:call({echo, Node}, {echo, {x, 1}}, 2000) of
        {x, 1} -> case catch list_to_integer(erpc:call(Node, os, getpid, [])) of
                      New when is_integer(New), New =/= Old -> ok;
                      _ -> ask_until(Node, Old)
                  end
    catch exit:_ -> timer:sleep(1), ask_until(Node, Old)
    end.

%% ---- reporting ----

private_bytes(Pid) ->
    {ok, Text} = file:read_file("/proc/" ++ integer_to_list(Pid) ++ "/smaps_rollup"),
    {match, Found} = re:run(Text, "Private_(?:Clean|Dirty): +(\\d+) kB", [global, {capture, [1], list}]),
    lists:sum([list_to_integer(N) || [N] <- Found]) * 1024.

%% Also writes every sample to DIR/samples, as native 32-bit integers, since bench/compare pools the tails of many runs.
report_latency(Workload, Size, Samples, #{dir := Dir}) ->
    ok = file:write_file(filename:join(Dir, "samples"), [<<(min(round(S), 16#ffffffff)):32/native>> || S <- Samples]),
    Sorted = list_to_tuple(lists:sort(Samples)),
    N = tuple_size(Sorted),
    Q = fun(P) -> round(element(max(1, ceil(P * N)), Sorted)) end,
    io:format("{\"workload\":\"~s\",\"size\":~b,\"unit\":\"ns\",\"n\":~b,\"p50\":~b,\"p99\":~b,\"p999\":~b,\"mean\":~.1f,\"min\":~b,"
              "\"max\":~b,\"check\":{\"sent\":~b,\"received\":~b,\"errors\":0}}~n",
              [Workload, Size, N, Q(0.5), Q(0.99), Q(0.999), lists:sum(Samples) / N, round(element(1, Sorted)),
               round(element(N, Sorted)), N, N]).

report_bytes(Workload, Bytes) ->
    io:format("{\"workload\":\"~s\",\"unit\":\"bytes\",\"n\":1,\"bytes\":~b,\"check\":{\"sent\":1,\"received\":1,\"errors\":0}}~n",
              [Workload, Bytes]).
