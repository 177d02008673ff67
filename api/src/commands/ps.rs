//! `reelsmith ps`: what a running service has loaded, what it does and what waits.

use super::{Context, print};
use crate::cli::Ps;
use crate::config::layers::show_bytes;
use crate::exit::{Failure, Outcome};
use serde::Deserialize;
use std::time::Duration;

/// A service that takes longer than this over a page of text is told to be stuck.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
struct Answer {
    devices: Vec<Device>,
}

#[derive(Deserialize)]
struct Device {
    device: String,
    budget_bytes: u64,
    reserve_bytes: u64,
    used_bytes: u64,
    residents: Vec<Resident>,
    running: Option<Run>,
    standing: Vec<Run>,
    queue: Vec<Waiting>,
    queue_capacity: usize,
}

#[derive(Deserialize)]
struct Resident {
    model: String,
    bytes: u64,
    active: bool,
    pinned: bool,
    unloads_in_seconds: Option<f64>,
}

#[derive(Deserialize)]
struct Run {
    id: u64,
    model: String,
    seconds: f64,
    done: u64,
    total: Option<u64>,
    unit: String,
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Waiting {
    id: u64,
    model: String,
    seconds: f64,
    starts_in_seconds: Option<f64>,
    reason: Option<String>,
}

/// Asks the service and prints its answer.
pub(super) async fn run(context: &Context, args: &Ps) -> Outcome {
    let server = match &args.server {
        Some(server) => server.trim_end_matches('/').to_owned(),
        None => format!("http://{}", context.config.server.listen),
    };
    let text = asked(&server).await?;
    if args.json {
        print(text);
        return Ok(());
    }
    let answer: Answer = serde_json::from_str(&text)
        .map_err(|e| Failure::failed(format!("{server} answers, but not as Reelsmith does: {e}")))?;
    print(answer.devices.iter().map(told).collect::<Vec<_>>().join("\n\n"));
    Ok(())
}

async fn asked(server: &str) -> Outcome<String> {
    let url = format!("{server}/api/v1/scheduler");
    let wrong = |e: reqwest::Error| match e.is_builder() {
        true => Failure::usage(format!("{server} is no address; expected one such as http://127.0.0.1:8787")),
        false => Failure::failed(format!(
            "no service answers at {server}: {}; start one with `reelsmith serve`, or name another with --server",
            std::iter::successors(Some(&e as &dyn std::error::Error), |e| e.source())
                .last()
                .map_or_else(String::new, ToString::to_string)
        )),
    };
    let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build().map_err(wrong)?;
    let answer = client.get(&url).send().await.map_err(wrong)?;
    let status = answer.status();
    if !status.is_success() {
        return Err(Failure::failed(format!("{url} answers {status}; is it a Reelsmith of this version?")));
    }
    answer.text().await.map_err(wrong)
}

/// A device in lines.
fn told(device: &Device) -> String {
    let limit = device.budget_bytes.saturating_sub(device.reserve_bytes);
    let mut lines = vec![format!(
        "{}: {} of {} given out, {} waiting of {}",
        device.device,
        show_bytes(device.used_bytes),
        show_bytes(limit),
        device.queue.len(),
        device.queue_capacity,
    )];
    if !device.residents.is_empty() {
        lines.push(format!("  {:<32} {:>10} STATE", "MODEL", "MEMORY"));
    }
    for Resident { model, bytes, active, pinned, unloads_in_seconds } in &device.residents {
        let state = match unloads_in_seconds {
            _ if *active => "at work".to_owned(),
            _ if *pinned => "idle, stays".to_owned(),
            Some(seconds) => format!("idle, goes in {seconds:.0} s"),
            None => "idle".to_owned(),
        };
        lines.push(format!("  {model:<32} {:>10} {state}", show_bytes(*bytes)));
    }
    let runs = device.running.iter().map(|run| ("runs", run));
    for (state, run) in runs.chain(device.standing.iter().map(|run| ("stands still", run))) {
        let of = run.total.map_or_else(String::new, |total| format!(" of {total}"));
        let why = run.reason.as_deref().map_or_else(String::new, |reason| format!(" ({reason})"));
        let Run { id, model, seconds, done, unit, .. } = run;
        lines.push(format!("  #{id} {model} {state} for {seconds:.1} s: {done}{of} {unit}{why}"));
    }
    for Waiting { id, model, seconds, starts_in_seconds, reason } in &device.queue {
        let begins = starts_in_seconds.map_or_else(String::new, |left| format!(", begins in {left:.0} s"));
        let why = reason.as_deref().map_or_else(String::new, |reason| format!(" ({reason})"));
        lines.push(format!("  #{id} {model} waits for {seconds:.1} s{begins}{why}"));
    }
    lines.join("\n")
}
