//! What the tables say of one contender on one kind of trace.

use crate::bound;
use crate::contender::Contender;
use crate::models::{Machine, Profile};
use crate::simulate::{Outcome, simulate};
use crate::trace::{Job, Kind};
use serde::Serialize;

/// Means over traces where nothing else is said.
#[derive(Debug, Serialize)]
pub struct Figures {
    pub(crate) kind: String,
    pub(crate) contender: String,
    pub(crate) reload: &'static str,
    /// Mean latency over the bound's.
    pub(crate) latency: f64,
    /// The value that 95 % of the slowdowns lie below.
    pub(crate) p95_slowdown: f64,
    /// The longest wait of all traces over that of serving in order of arrival (LRU by bytes, same reloads).
    worst_wait: f64,
    /// Makespan over all work and one load of each model.
    makespan: f64,
    /// Gigabytes loaded.
    swapped_gb: f64,
    /// Share of the time in which something waited and nothing ran.
    idle_while_queued: f64,
    /// Jain's index over four tenants.
    fairness: f64,
    /// Runs let in between two steps of others, of all traces.
    interruptions: usize,
    /// Loads and runs for which there was no room, of all traces.
    out_of_memory: usize,
    /// Models unloaded while they ran, of all traces.
    active_evictions: usize,
}

impl Figures {
    /// Replays all traces.
    pub fn of(
        traces: &[Vec<Job>],
        models: &[Profile],
        machine: Machine,
        contender: Contender,
        kind: Kind,
    ) -> Self {
        let replay = |contender| -> Vec<Outcome> {
            traces.iter().map(|jobs| simulate(jobs, models, machine, contender)).collect()
        };
        let (outcomes, in_order) = (replay(contender), replay(Contender::BytesLru));
        let mean = |figure: &dyn Fn(&Outcome, &[Job]) -> f64| {
            let sum: f64 = outcomes.iter().zip(traces).map(|(outcome, jobs)| figure(outcome, jobs)).sum();
            sum / traces.len() as f64
        };
        let worst = |outcomes: &[Outcome]| {
            let waits = outcomes.iter().zip(traces).map(|(outcome, jobs)| outcome.worst_wait(jobs));
            waits.fold(0.0, f64::max)
        };
        Self {
            kind: kind.name(),
            contender: contender.name(),
            reload: if machine.host > 0 { "host" } else { "disk" },
            latency: mean(&|outcome, jobs| outcome.mean_latency() / bound::mean_latency(jobs)),
            p95_slowdown: mean(&|outcome, jobs| p95(outcome.slowdowns(jobs))),
            worst_wait: worst(&outcomes) / worst(&in_order),
            makespan: mean(&|outcome, jobs| outcome.makespan / bound::makespan(jobs, models, machine)),
            swapped_gb: mean(&|outcome, _| outcome.swapped_bytes as f64 / 1e9),
            idle_while_queued: mean(&|outcome, _| outcome.idle_while_queued / outcome.makespan),
            fairness: mean(&|outcome, jobs| outcome.fairness(jobs)),
            interruptions: outcomes.iter().map(|outcome| outcome.interruptions).sum(),
            out_of_memory: outcomes.iter().map(|outcome| outcome.out_of_memory).sum(),
            active_evictions: outcomes.iter().map(|outcome| outcome.active_evictions).sum(),
        }
    }
}

fn p95(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) * 95 / 100]
}

/// The figures of one kind of trace.
pub fn table(kind: Kind, figures: &[Figures]) -> String {
    let mut table = format!(
        "\n### {}\n\n| policy | reload | latency ÷ bound | p95 slowdown | worst wait ÷ in order | makespan ÷ bound | \
         swapped GB | idle while queued | Jain | let in between | out of memory | active evicted |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|\n",
        kind.name()
    );
    for row in figures {
        table += &format!(
            "| {} | {} | {:.2} | {:.1} | {:.2} | {:.2} | {:.0} | {:.1} % | {:.3} | {} | {} | {} |\n",
            row.contender,
            row.reload,
            row.latency,
            row.p95_slowdown,
            row.worst_wait,
            row.makespan,
            row.swapped_gb,
            row.idle_while_queued * 100.0,
            row.fairness,
            row.interruptions,
            row.out_of_memory,
            row.active_evictions,
        );
    }
    table
}
