// SPDX-License-Identifier: Apache-2.0
//! ractor_cluster: two processes with a node in each, joined over a Unix socket (its external transport). The server's actors are
//! in process groups. The client finds them there as remote actors, and calls them and casts to them like to local ones.

#[path = "../../ractor/src/driver.rs"]
mod driver;

use driver::*;
use ractor::{call, Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use ractor_cluster::node::{NodeConnectionMode, NodeServerSessionInformation};
use ractor_cluster::{BoxRead, BoxWrite, ClusterBidiStream, NodeEventSubscription, NodeServer, NodeServerMessage, RactorClusterMessage};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::{UnixListener, UnixStream};

const IN_FLIGHT_MAX: u64 = 16384;
const IN_FLIGHT_BYTES: u64 = 16 << 20;

#[derive(RactorClusterMessage)]
enum Message {
    #[rpc]
    Echo(Vec<u8>, RpcReplyPort<Vec<u8>>),
    Put(Vec<u8>),
    /// The counts of a sink after every sender has ended: count and length of the window, all messages, errors.
    #[rpc]
    Result(RpcReplyPort<Vec<u64>>),
}

struct Server;

struct ServerState {
    sink: Sink,
    size: usize,
    count: &'static AtomicU64,
    waiter: Option<RpcReplyPort<Vec<u64>>>,
}

fn word(data: &[u8], at: usize) -> u64 {
    data.get(at..at + 8).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes).unwrap_or(u64::MAX)
}

impl Actor for Server {
    type Msg = Message;
    type State = ServerState;
    type Arguments = ServerState;
    async fn pre_start(&self, _: ActorRef<Message>, s: ServerState) -> Result<ServerState, ActorProcessingErr> {
        Ok(s)
    }
    async fn handle(&self, _: ActorRef<Message>, m: Message, s: &mut ServerState) -> Result<(), ActorProcessingErr> {
        match m {
            Message::Echo(data, reply) => {
                let _ = reply.send(data);
            }
            Message::Put(data) => {
                if data.len() != s.size {
                    s.sink.errors += 1;
                }
                s.sink.feed(word(&data, 0), word(&data, 8));
                s.count.store(s.sink.n, Ordering::Relaxed);
            }
            Message::Result(reply) => s.waiter = Some(reply),
        }
        if s.sink.ended > 0 && s.sink.complete() {
            if let Some(reply) = s.waiter.take() {
                let (n, ns) = s.sink.result.unwrap_or((0, 1));
                let _ = reply.send(vec![n, ns, s.sink.n, s.sink.errors, s.sink.whole as u64]);
            }
        }
        Ok(())
    }
}

// ---- the transport ----

struct Unix(UnixStream);

impl ClusterBidiStream for Unix {
    fn split(self: Box<Self>) -> (BoxRead, BoxWrite) {
        let (r, w) = self.0.into_split();
        (Box::new(r), Box::new(w))
    }
}

async fn node(name: &str) -> ActorRef<NodeServerMessage> {
    let server = NodeServer::new(0, "bench".into(), name.into(), "localhost".into(), None, Some(NodeConnectionMode::Isolated))
        .with_listen_addr(std::net::Ipv4Addr::LOCALHOST.into());
    Actor::spawn(None, server, ()).await.unwrap_or_else(|e| die(&format!("node: {e}"))).0
}

/// One counter for each sink, in memory that both processes map. The senders are paced by these counters.
fn counters(dir: &str) -> &'static [AtomicU64] {
    let path = format!("{dir}/counters");
    let file = std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).unwrap_or_else(|e| die(&e.to_string()));
    file.set_len(4096).unwrap_or_else(|e| die(&e.to_string()));
    unsafe {
        use std::os::fd::AsRawFd;
        let p = libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, file.as_raw_fd(), 0);
        if p == libc::MAP_FAILED {
            die("mmap");
        }
        std::slice::from_raw_parts(p as *const AtomicU64, 64)
    }
}

async fn serve(a: Args) {
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    let listener = UnixListener::bind(format!("{}/node", a.dir)).unwrap_or_else(|e| die(&format!("bind: {e}")));
    let node = node("server").await;
    // fan-in has one sink and many senders, fan-out one sender and many sinks
    let (senders, sinks) = if a.workload == "fanout" { (1, a.peers) } else { (a.peers, 1) };
    for i in 0..sinks {
        let state = ServerState { sink: Sink::new(&a, senders, a.sizes[0]), size: a.sizes[0], count: &counters(&a.dir)[i], waiter: None };
        let (actor, _) = Actor::spawn(None, Server, state).await.unwrap_or_else(|e| die(&format!("spawn: {e}")));
        ractor::pg::join("server".into(), vec![actor.get_cell()]);
    }
    let (stream, _) = listener.accept().await.unwrap_or_else(|e| die(&format!("accept: {e}")));
    let _ = node.cast(NodeServerMessage::ConnectionOpenedExternal { stream: Box::new(Unix(stream)), is_server: true });
    std::future::pending::<()>().await
}

// ---- the client ----

struct Peer {
    child: Child,
    node: ActorRef<NodeServerMessage>,
    actors: Vec<ActorRef<Message>>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn peer(a: &Args, size: usize) -> Peer {
    let _ = std::fs::remove_file(format!("{}/node", a.dir));
    let _ = std::fs::remove_file(format!("{}/counters", a.dir));
    let exe = std::env::current_exe().unwrap_or_else(|e| die(&e.to_string()));
    let child = Command::new(exe)
        .args([&a.workload, "--role", "server", "--dir", &a.dir, "--seconds", &a.seconds.to_string(), "--peers", &a.peers.to_string(), "--size", &size.to_string()])
        .stdin(Stdio::null())
        .spawn()
        .unwrap_or_else(|e| die(&format!("spawn: {e}")));
    let node = node("client").await;
    let deadline = Instant::now() + Duration::from_secs(20);
    let stream = loop {
        match UnixStream::connect(format!("{}/node", a.dir)).await {
            Ok(s) => break s,
            Err(e) if Instant::now() > deadline => die(&format!("the server does not come up: {e}")),
            Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
        }
    };
    if ractor_cluster::client_connect_external(&node, Box::new(Unix(stream))).await.is_err() {
        die("cannot join the nodes");
    }
    let wanted = if a.workload == "fanout" { a.peers } else { 1 };
    loop {
        let remote: Vec<_> = ractor::pg::get_members(&"server".into()).into_iter().filter(|c| !c.get_id().is_local()).collect();
        if remote.len() >= wanted {
            return Peer { child, node, actors: remote.into_iter().map(ActorRef::from).collect() };
        }
        if Instant::now() > deadline {
            die("the server's actors are not seen here");
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn echo(to: &ActorRef<Message>, data: &[u8]) {
    match call!(to, Message::Echo, data.to_vec()) {
        Ok(answer) if answer == data => (),
        Ok(_) => die("a call was not answered with its own request"),
        Err(e) => die(&format!("call: {e}")),
    }
}

async fn calls(a: &Args, idle: bool) {
    for &size in &a.sizes {
        let p = peer(a, size).await;
        let mut data = vec![0u8; size];
        let mut seq = 0u64;
        for timed in [false, true] {
            let mut samples = Vec::with_capacity(1 << 16);
            let end = Instant::now() + if timed { a.window() } else { a.warm() };
            while Instant::now() < end {
                if idle {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                data[..8].copy_from_slice(&seq.to_le_bytes());
                seq += 1;
                let start = Instant::now();
                echo(&p.actors[0], &data).await;
                samples.push(start.elapsed().as_nanos() as u64);
            }
            if timed {
                let n = samples.len() as u64;
                report_latency(a, size, samples, n);
            }
        }
    }
}

async fn flows(a: &Args) {
    for &size in &a.sizes {
        flow(a, size).await;
    }
}

async fn flow(a: &Args, size: usize) {
    let p = peer(a, size).await;
    let senders = if a.workload == "fanout" { 1 } else { a.peers };
    let pid = p.child.id() as i32;
    let counts = counters(&a.dir);
    let at_go_ns = cpu_ns(0) + cpu_ns(pid);
    let end = send_until(a);
    let in_flight = IN_FLIGHT_MAX.min(IN_FLIGHT_BYTES / size as u64);
    let mut tasks = vec![];
    for i in 0..senders as u64 {
        let actors = p.actors.clone();
        tasks.push(tokio::spawn(async move {
            let mut n = 0u64;
            loop {
                let last = (size >= 4096 || n % 16 == 0) && Instant::now() >= end;
                let mut data = vec![0u8; size];
                data[..8].copy_from_slice(&n.to_le_bytes());
                data[8..16].copy_from_slice(&(i | if last { END } else { 0 }).to_le_bytes());
                for to in &actors[1..] {
                    let _ = to.cast(Message::Put(data.clone()));
                }
                let _ = actors[0].cast(Message::Put(data));
                n += 1;
                if last {
                    return n;
                }
                while counts[..actors.len()].iter().any(|c| n * senders as u64 > c.load(Ordering::Relaxed) + in_flight) {
                    tokio::time::sleep(Duration::from_micros(50)).await;
                }
                if n % 64 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        }));
    }
    tokio::time::sleep(a.warm()).await;
    let (before, start) = (cpu_ns(0) + cpu_ns(pid), Instant::now());
    tokio::time::sleep(a.window()).await;
    let cpu = Cpu { at_go_ns, share: (cpu_ns(0) + cpu_ns(pid) - before) as f64 / start.elapsed().as_nanos() as f64 };
    let mut sent = 0;
    for t in tasks {
        sent += t.await.unwrap_or(0);
    }
    let (mut n, mut rate, mut received, mut errors, mut whole) = (0, 0.0, 0, 0, false);
    for to in &p.actors {
        let r = match call!(to, Message::Result) {
            Ok(r) if r.len() == 5 => r,
            _ => die("a sink does not answer"),
        };
        n += r[0];
        rate += r[0] as f64 * 1e9 / r[1] as f64;
        received += r[2];
        errors += r[3];
        whole |= r[4] != 0;
    }
    let cost = cpu_per_message(cpu_ns(0) + cpu_ns(pid), &cpu, rate, whole, received);
    report_rate(&a.workload, size, rate, cost, n, whole, sent * p.actors.len() as u64, received, errors);
}

struct Gone(std::sync::Mutex<std::sync::mpsc::Sender<Instant>>);

impl NodeEventSubscription for Gone {
    fn node_session_opened(&self, _: NodeServerSessionInformation) {}
    fn node_session_authenticated(&self, _: NodeServerSessionInformation) {}
    fn node_session_disconnected(&self, _: NodeServerSessionInformation) {
        if let Ok(to) = self.0.lock() {
            let _ = to.send(Instant::now());
        }
    }
}

async fn death(a: &Args) {
    let mut samples = vec![];
    let end = Instant::now() + a.window();
    while samples.len() < 3 || Instant::now() < end {
        let mut p = peer(a, 64).await;
        let (tx, rx) = std::sync::mpsc::channel();
        let _ = p.node.cast(NodeServerMessage::SubscribeToEvents { id: "bench".into(), subscription: Box::new(Gone(tx.into())) });
        echo(&p.actors[0], &[0; 64]).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
        let start = Instant::now();
        let _ = p.child.kill();
        let notice = tokio::task::spawn_blocking(move || rx.recv_timeout(Duration::from_secs(10))).await;
        match notice {
            Ok(Ok(t)) => samples.push((t - start).as_nanos() as u64),
            _ => die("no notice of the death came"),
        }
        p.node.stop(None);
        while !ractor::pg::get_members(&"server".into()).is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    samples.remove(0);
    let n = samples.len() as u64;
    report_latency(a, 64, samples, n);
}

async fn run(a: Args) {
    match a.workload.as_str() {
        _ if a.role.is_some() => serve(a).await,
        "call_hot" => calls(&a, false).await,
        "call_idle" => calls(&a, true).await,
        "oneway" | "fanin" | "fanout" => flows(&a).await,
        "death" => death(&a).await,
        "mem_process" => {
            let p = peer(&a, 64).await;
            echo(&p.actors[0], &[0; 64]).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            report_bytes(&a.workload, private_bytes(p.child.id() as i32));
        }
        other => die(&format!("ractor_cluster has no workload '{other}'")),
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap_or_else(|e| die(&e.to_string()));
    let code = runtime.block_on(async { tokio::spawn(run(args())).await }).is_err() as i32;
    std::process::exit(code);
}
