// SPDX-License-Identifier: Apache-2.0
//! ractor in one runtime: tokio's multi-thread runtime with its default number of workers, which ractor's own benchmarks use.

mod driver;

use driver::*;
use ractor::concurrency::JoinHandle;
use ractor::{call, Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

// ---- an echo server, a sink, an idle actor ----

struct Echo;
struct Ask(u64, RpcReplyPort<u64>);

impl Actor for Echo {
    type Msg = Ask;
    type State = ();
    type Arguments = ();
    async fn pre_start(&self, _: ActorRef<Ask>, _: ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
    async fn handle(&self, _: ActorRef<Ask>, m: Ask, _: &mut ()) -> Result<(), ActorProcessingErr> {
        let _ = m.1.send(m.0);
        Ok(())
    }
}

struct Drain;
enum Put {
    One(u64, u64),
}

impl Actor for Drain {
    type Msg = Put;
    type State = (Sink, Option<tokio::sync::oneshot::Sender<Sink>>);
    type Arguments = Self::State;
    async fn pre_start(&self, _: ActorRef<Put>, s: Self::State) -> Result<Self::State, ActorProcessingErr> {
        Ok(s)
    }
    async fn handle(&self, _: ActorRef<Put>, m: Put, s: &mut Self::State) -> Result<(), ActorProcessingErr> {
        let Put::One(seq, tag) = m;
        if s.0.feed(seq, tag) {
            let done = std::mem::replace(&mut s.0, Sink::new(&args(), 1, 16));
            let _ = s.1.take().map(|to| to.send(done));
        }
        Ok(())
    }
}

struct Idle;

impl Actor for Idle {
    type Msg = u64;
    type State = ();
    type Arguments = ();
    async fn pre_start(&self, _: ActorRef<u64>, _: ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

// ---- the actors of ractor's own suite ----

/// Sends itself a message when it starts and at each message, and stops at the n-th.
struct SelfSender(u64);

impl Actor for SelfSender {
    type Msg = ();
    type State = u64;
    type Arguments = ();
    async fn pre_start(&self, myself: ActorRef<()>, _: ()) -> Result<u64, ActorProcessingErr> {
        let _ = myself.cast(());
        Ok(0)
    }
    async fn handle(&self, myself: ActorRef<()>, _: (), n: &mut u64) -> Result<(), ActorProcessingErr> {
        *n += 1;
        if *n >= self.0 {
            myself.stop(None);
        } else {
            let _ = myself.cast(());
        }
        Ok(())
    }
}

/// Stops at the n-th message.
struct Counter<M>(u64, std::marker::PhantomData<fn(M)>);

impl<M: Send + 'static> Actor for Counter<M> {
    type Msg = M;
    type State = u64;
    type Arguments = ();
    async fn pre_start(&self, _: ActorRef<M>, _: ()) -> Result<u64, ActorProcessingErr> {
        Ok(0)
    }
    async fn handle(&self, myself: ActorRef<M>, _: M, n: &mut u64) -> Result<(), ActorProcessingErr> {
        *n += 1;
        if *n >= self.0 {
            myself.stop(None);
        }
        Ok(())
    }
}

struct Stillborn;

impl Actor for Stillborn {
    type Msg = ();
    type State = ();
    type Arguments = ();
    async fn pre_start(&self, myself: ActorRef<()>, _: ()) -> Result<(), ActorProcessingErr> {
        myself.stop(None);
        Ok(())
    }
}

struct Member(Arc<AtomicU64>);

impl Actor for Member {
    type Msg = u64;
    type State = ();
    type Arguments = ();
    async fn pre_start(&self, _: ActorRef<u64>, _: ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
    async fn handle(&self, _: ActorRef<u64>, _: u64, _: &mut ()) -> Result<(), ActorProcessingErr> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

// ---- loops ----

async fn spawn<A: Actor<Arguments = ()>>(a: A) -> (ActorRef<A::Msg>, JoinHandle<()>) {
    Actor::spawn(None, a, ()).await.unwrap_or_else(|e| die(&format!("spawn: {e}")))
}

async fn join(handles: Vec<JoinHandle<()>>) {
    for h in handles {
        let _ = h.await;
    }
}

/// `f` runs once in each repetition and returns its own time. A sample is this time divided by `units`.
async fn repeated<F, Fut>(a: &Args, units: u64, mut f: F)
where
    F: FnMut() -> Fut,
    Fut: std::future::Future<Output = Duration>,
{
    let mut samples = Vec::with_capacity(1 << 16);
    f().await;
    let end = Instant::now() + a.window();
    while Instant::now() < end {
        samples.push(f().await.as_nanos() as u64 / units);
    }
    let n = samples.len() as u64;
    report_latency(a, 64, samples, n);
}

async fn count<M: Send + 'static>(target: u64, make: impl Fn(u64) -> M) -> Duration {
    let (actor, handle) = spawn(Counter::<M>(target, std::marker::PhantomData)).await;
    let start = Instant::now();
    for i in 0..target {
        let _ = actor.cast(make(i));
    }
    let _ = handle.await;
    start.elapsed()
}

async fn run(a: Args) {
    match a.workload.as_str() {
        "local_call" => {
            let (echo, _) = spawn(Echo).await;
            for timed in [false, true] {
                let mut samples = Vec::with_capacity(1 << 16);
                let (mut seq, end) = (0u64, Instant::now() + if timed { a.window() } else { a.warm() });
                while Instant::now() < end {
                    let start = Instant::now();
                    for _ in 0..100 {
                        if call!(echo, Ask, seq).ok() != Some(seq) {
                            die("a call was not answered with its own request");
                        }
                        seq += 1;
                    }
                    samples.push(start.elapsed().as_nanos() as u64 / 100);
                }
                if timed {
                    let n = samples.len() as u64;
                    report_latency(&a, 8, samples, n);
                }
            }
        }
        "local_oneway" => {
            let (tx, rx) = tokio::sync::oneshot::channel();
            let state = (Sink::new(&a, 1, 16), Some(tx));
            let (sink, _) = Actor::spawn(None, Drain, state).await.unwrap_or_else(|e| die(&format!("spawn: {e}")));
            let at_go_ns = cpu_ns(0);
            let end = send_until(&a);
            let sender = tokio::spawn(async move {
                let mut n = 0;
                loop {
                    let last = n % 16 == 0 && Instant::now() >= end;
                    let _ = sink.cast(Put::One(n, if last { END } else { 0 }));
                    n += 1;
                    if last {
                        return n;
                    }
                    if n % 64 == 0 {
                        tokio::task::yield_now().await; // as a task among others should
                    }
                }
            });
            tokio::time::sleep(a.warm()).await;
            let (before, start) = (cpu_ns(0), Instant::now());
            tokio::time::sleep(a.window()).await;
            let cpu = Cpu { at_go_ns, share: (cpu_ns(0) - before) as f64 / start.elapsed().as_nanos() as f64 };
            let sent = sender.await.unwrap_or(0);
            let sink = rx.await.unwrap_or_else(|_| die("the sink has gone"));
            let (n, ns) = sink.result.unwrap_or((0, 1));
            let rate = n as f64 * 1e9 / ns as f64;
            let cost = cpu_per_message(cpu_ns(0), &cpu, rate, sink.whole, sink.n);
            report_rate(&a.workload, 16, rate, cost, n, sink.whole, sent, sink.n, sink.errors);
        }
        "local_spawn" => {
            for timed in [false, true] {
                let mut samples = Vec::with_capacity(1 << 16);
                let end = Instant::now() + if timed { a.window() } else { a.warm() };
                while Instant::now() < end {
                    let mut all = Vec::with_capacity(100);
                    let start = Instant::now();
                    for _ in 0..100 {
                        all.push(spawn(Idle).await);
                    }
                    samples.push(start.elapsed().as_nanos() as u64 / 100);
                    all.iter().for_each(|x| x.0.stop(None));
                    join(all.into_iter().map(|x| x.1).collect()).await;
                }
                if timed {
                    let n = samples.len() as u64;
                    report_latency(&a, 8, samples, n);
                }
            }
        }
        "suite_create" => {
            repeated(&a, 10_000, || async {
                let start = Instant::now();
                let mut handles = vec![];
                for _ in 0..10_000 {
                    handles.push(spawn(SelfSender(1)).await.1);
                }
                let t = start.elapsed();
                join(handles).await;
                t
            })
            .await
        }
        "suite_self" => {
            repeated(&a, 100_000, || async {
                let (_, handle) = spawn(SelfSender(100_000)).await;
                let start = Instant::now();
                let _ = handle.await;
                start.elapsed()
            })
            .await
        }
        "suite_small" => repeated(&a, 10_000, || count(10_000, |i| i)).await,
        "suite_large" => repeated(&a, 1_000, || count(1_000, |i| [i; 32])).await,
        "suite_spawn_stop" => {
            repeated(&a, 1_000, || async {
                let start = Instant::now();
                let mut handles = Vec::with_capacity(1_000);
                for _ in 0..1_000 {
                    handles.push(spawn(Stillborn).await.1);
                }
                join(handles).await;
                start.elapsed()
            })
            .await
        }
        "name_lookup" => {
            let (me, _) = Actor::spawn(Some("known".into()), Idle, ()).await.unwrap_or_else(|e| die(&format!("spawn: {e}")));
            repeated(&a, 100, || async {
                let start = Instant::now();
                for _ in 0..100 {
                    if ractor::registry::where_is("known").map(|c| c.get_id()) != Some(me.get_id()) {
                        die("the name does not resolve");
                    }
                }
                start.elapsed()
            })
            .await
        }
        "group_join" => {
            let mut samples = vec![];
            let end = Instant::now() + a.window();
            while Instant::now() < end && samples.len() < 1000 {
                let cell = spawn(Idle).await.0.get_cell();
                let start = Instant::now();
                ractor::pg::join("group".into(), vec![cell]);
                samples.push(start.elapsed().as_nanos() as u64);
            }
            let n = ractor::pg::get_members(&"group".into()).len() as u64;
            report_latency(&a, 8, samples, n);
        }
        "group_cast" => {
            let count = Arc::new(AtomicU64::new(0));
            let mut cells = vec![];
            for _ in 0..1000 {
                cells.push(spawn(Member(count.clone())).await.0.get_cell());
            }
            ractor::pg::join("group".into(), cells);
            let (mut n, cpu, start) = (0u64, cpu_ns(0), Instant::now());
            while start.elapsed() < a.window() {
                for member in ractor::pg::get_members(&"group".into()) {
                    let _ = member.send_message(n);
                    n += 1;
                }
                while n > count.load(Ordering::Relaxed) + 3000 {
                    tokio::task::yield_now().await;
                }
            }
            while n > count.load(Ordering::Relaxed) && start.elapsed() < a.window() * 20 {
                tokio::task::yield_now().await;
            }
            let rate = n as f64 / start.elapsed().as_secs_f64();
            let cost = (cpu_ns(0) - cpu) as f64 * 1e-3 / n as f64;
            report_rate(&a.workload, 8, rate, cost, n, false, n, count.load(Ordering::Relaxed), 0);
        }
        "mem_actor" => {
            let mut keep = vec![];
            for _ in 0..1000 {
                keep.push(spawn(Idle).await);
            }
            let pid = std::process::id() as i32;
            let before = private_bytes(pid);
            keep.reserve(10_000);
            for _ in 0..10_000 {
                keep.push(spawn(Idle).await);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            report_bytes(&a.workload, (private_bytes(pid).saturating_sub(before) / 10_000).max(1));
            drop(keep);
        }
        other => die(&format!("ractor has no workload '{other}'")),
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap_or_else(|e| die(&e.to_string()));
    // This runs in a task, as an actor does, since block_on's own thread is not one of the workers.
    if runtime.block_on(async { tokio::spawn(run(args())).await }).is_err() {
        die("panicked");
    }
    std::process::exit(0);
}
