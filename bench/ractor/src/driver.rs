// SPDX-License-Identifier: Apache-2.0
//! Clock, samples and reports, by the same rules as bench/driver for C.
#![allow(dead_code)]

use std::time::{Duration, Instant};

pub struct Args {
    pub workload: String,
    pub seconds: f64,
    pub peers: usize,
    pub sizes: Vec<usize>,
    pub dir: String,
    pub role: Option<String>,
}

pub fn args() -> Args {
    let mut a = Args { workload: String::new(), seconds: 1.0, peers: 1, sizes: vec![64], dir: ".".into(), role: None };
    let mut it = std::env::args().skip(1);
    while let Some(x) = it.next() {
        let mut value = || it.next().unwrap_or_else(|| die(&format!("{x} wants a value")));
        match x.as_str() {
            "--seconds" => a.seconds = value().parse().unwrap_or_else(|_| die("--seconds: not a number")),
            "--peers" => a.peers = value().parse().unwrap_or_else(|_| die("--peers: not a number")),
            "--size" => a.sizes = value().split(',').map(|s| s.parse().unwrap_or_else(|_| die("--size: not a number"))).collect(),
            "--dir" => a.dir = value(),
            "--role" => a.role = Some(value()),
            _ => a.workload = x,
        }
    }
    a
}

impl Args {
    pub fn warm(&self) -> Duration {
        Duration::from_secs_f64(self.seconds / 4.0)
    }
    pub fn window(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

pub fn die(why: &str) -> ! {
    eprintln!("bench: {why}");
    std::process::exit(1)
}

/// CPU time of all threads of a process.
pub fn cpu_ns(pid: i32) -> u64 {
    unsafe {
        let mut clock: libc::clockid_t = 0;
        let mut ts: libc::timespec = std::mem::zeroed();
        if libc::clock_getcpuclockid(pid, &mut clock) != 0 || libc::clock_gettime(clock, &mut ts) != 0 {
            return 0;
        }
        ts.tv_sec as u64 * 1_000_000_000 + ts.tv_nsec as u64
    }
}

pub fn private_bytes(pid: i32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_else(|e| die(&format!("smaps_rollup: {e}")));
    text.lines()
        .filter(|l| l.starts_with("Private_Clean:") || l.starts_with("Private_Dirty:"))
        .filter_map(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok())
        .sum::<u64>()
        * 1024
}

/// Also writes every sample to DIR/samples, as native u32, since bench/compare pools the tails of many runs.
pub fn report_latency(a: &Args, size: usize, mut samples: Vec<u64>, received: u64) {
    if samples.is_empty() {
        die("not one sample was taken");
    }
    let workload = &a.workload;
    let bytes: Vec<u8> = samples.iter().flat_map(|&s| (s.min(u32::MAX as u64) as u32).to_ne_bytes()).collect();
    std::fs::write(format!("{}/samples", a.dir), bytes).unwrap_or_else(|e| die(&format!("samples: {e}")));
    samples.sort_unstable();
    let n = samples.len();
    let q = |p: f64| samples[((p * n as f64).ceil() as usize).max(1) - 1];
    let mean = samples.iter().sum::<u64>() as f64 / n as f64;
    println!(
        "{{\"workload\":\"{workload}\",\"size\":{size},\"unit\":\"ns\",\"n\":{n},\"p50\":{},\"p99\":{},\"p999\":{},\"mean\":{mean:.1},\"min\":{},\"max\":{},\"check\":{{\"sent\":{n},\"received\":{received},\"errors\":0}}}}",
        q(0.5), q(0.99), q(0.999), samples[0], samples[n - 1]
    );
}

/// The CPU time of a rate's messages: in the window, or in the whole run if no window could be cut.
pub struct Cpu {
    pub at_go_ns: u64,
    pub share: f64, // CPU seconds a second, in the window
}

#[allow(clippy::too_many_arguments)]
pub fn report_rate(workload: &str, size: usize, rate: f64, cpu_s_per_mmsg: f64, n: u64, whole: bool, sent: u64, received: u64, errors: u64) {
    println!(
        "{{\"workload\":\"{workload}\",\"size\":{size},\"unit\":\"msgs/s\",\"n\":{n},\"whole\":{whole},\"msgs_per_s\":{rate:.1},\"cpu_s_per_mmsg\":{cpu_s_per_mmsg:.4},\"check\":{{\"sent\":{sent},\"received\":{received},\"errors\":{errors}}}}}"
    );
}

/// CPU seconds per million messages.
pub fn cpu_per_message(now_ns: u64, cpu: &Cpu, rate: f64, whole: bool, received: u64) -> f64 {
    if whole {
        (now_ns - cpu.at_go_ns) as f64 * 1e-3 / received.max(1) as f64
    } else {
        cpu.share * 1e6 / rate
    }
}

pub fn report_bytes(workload: &str, bytes: u64) {
    println!("{{\"workload\":\"{workload}\",\"unit\":\"bytes\",\"n\":1,\"bytes\":{bytes},\"check\":{{\"sent\":1,\"received\":1,\"errors\":0}}}}");
}

/// The counts of a receiver of one-way messages: all messages, and those within a window that begins a warm-up after the first one.
pub struct Sink {
    warm: Duration,
    window: Duration,
    every: u64,
    expected: Vec<u64>,
    pub n: u64,
    pub errors: u64,
    pub ended: usize,
    first: Option<Instant>,
    start: Option<(Instant, u64)>,
    pub result: Option<(u64, u64)>,
    pub whole: bool,
}

pub const END: u64 = 1 << 63;

impl Sink {
    pub fn new(a: &Args, senders: usize, size: usize) -> Self {
        Sink {
            warm: a.warm(),
            window: a.window(),
            every: if size >= 4096 { 1 } else { 16 },
            expected: vec![0; senders],
            n: 0,
            errors: 0,
            ended: 0,
            first: None,
            start: None,
            result: None,
            whole: false,
        }
    }

    /// True if every sender has sent its last message.
    pub fn feed(&mut self, seq: u64, tag: u64) -> bool {
        let from = (tag & 0xffff) as usize;
        if self.expected.get(from) != Some(&seq) {
            self.errors += 1;
        }
        if let Some(e) = self.expected.get_mut(from) {
            *e = seq + 1;
        }
        self.n += 1;
        if self.result.is_none() && self.n % self.every == 0 {
            self.look();
        }
        if tag & END != 0 {
            self.ended += 1;
        }
        if self.complete() && self.result.is_none() {
            // bursts were so long that no window can be cut, so the whole run counts
            let first = self.first.unwrap_or_else(Instant::now);
            self.whole = true;
            self.result = Some((self.n, (first.elapsed().as_nanos() as u64).max(1)));
        }
        self.complete()
    }

    pub fn complete(&self) -> bool {
        self.ended == self.expected.len()
    }

    fn look(&mut self) {
        let now = Instant::now();
        match (self.first, self.start) {
            (None, _) => self.first = Some(now),
            (Some(t), None) if now - t >= self.warm => self.start = Some((now, self.n)),
            (_, Some((t, n))) if now - t >= self.window => self.result = Some((self.n - n, (now - t).as_nanos() as u64)),
            _ => {}
        }
    }
}

/// How long senders go on. It is longer than the window, which is measured by the receiver.
pub fn send_until(a: &Args) -> Instant {
    Instant::now() + a.warm() * 2 + a.window() + Duration::from_millis(50)
}
