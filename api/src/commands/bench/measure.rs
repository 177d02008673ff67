//! Cases measured on one model.

use super::case::Case;
use crate::exit::{Failure, Outcome};
use reelsmith_inference::LocalEngine;
use reelsmith_inference_core::{
    Control, Engine, ErrorKind, InferenceError, ModelId, NoControl, Progress, Resident, Verdict,
};
use reelsmith_scheduler::Meter;
use serde::Serialize;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// A case, measured.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Measured {
    /// The model, and what it does.
    pub(super) model: String,
    pub(super) task: String,
    /// What was asked of it.
    pub(super) case: String,
    /// How much one request gave, and what that counts in so many seconds.
    pub(super) amount: f64,
    pub(super) unit: &'static str,
    #[serde(skip)]
    pub(super) unit_seconds: f64,
    /// Seconds until the model was ready.
    pub(super) load_seconds: f64,
    /// Seconds of each request, the warming one left out.
    pub(super) seconds: Vec<f64>,
    /// Seconds of each until the first sound or token, where an answer comes in pieces.
    pub(super) first_seconds: Vec<f64>,
    /// Bytes that were reckoned before the run, weights and activation.
    pub(super) footprint_bytes: u64,
    /// Highest resident memory of the process while the case ran, mapped files included; absent where the system
    /// does not tell.
    pub(super) peak_bytes: Option<u64>,
}

impl Measured {
    /// Seconds of one request in the middle.
    pub(super) fn median(&self) -> f64 {
        median(&self.seconds)
    }

    /// Seconds until the first sound or token, in the middle.
    pub(super) fn first(&self) -> Option<f64> {
        (!self.first_seconds.is_empty()).then(|| median(&self.first_seconds))
    }

    /// How much it gives in the time that its unit names.
    pub(super) fn throughput(&self) -> f64 {
        self.unit_seconds * self.amount / self.median()
    }
}

fn median(seconds: &[f64]) -> f64 {
    let mut seconds = seconds.to_vec();
    seconds.sort_by(f64::total_cmp);
    let (low, high) = (seconds.len().saturating_sub(1) / 2, seconds.len() / 2);
    seconds.get(low).zip(seconds.get(high)).map_or(f64::NAN, |(low, high)| (low + high) / 2.0)
}

/// Stops when the command is cancelled.
pub(super) struct Until<'a>(pub(super) &'a CancellationToken);

impl Control for Until<'_> {
    fn step(&self, _: Progress) -> Verdict {
        if self.0.is_cancelled() { Verdict::Cancel } else { Verdict::Continue }
    }
}

/// How a model is measured.
pub(super) struct Bench<'a> {
    pub(super) runs: u32,
    pub(super) told: &'a dyn Fn(&str),
    pub(super) cancel: &'a CancellationToken,
}

impl Bench<'_> {
    /// Loads `model` and measures those of `cases` that it can do, each after one run that warms up.
    pub(super) fn model(
        &self,
        engine: &mut LocalEngine,
        model: &ModelId,
        cases: &[Case],
    ) -> Outcome<Vec<Measured>> {
        let clock = Instant::now();
        let mut resident = engine.load(model, &NoControl).map_err(failure)?;
        let load_seconds = clock.elapsed().as_secs_f64();
        let mut rows = Vec::new();
        for case in cases {
            rows.extend(self.case(&mut resident, model, case, load_seconds)?);
        }
        match rows.is_empty() {
            true => Err(Failure::usage(format!(
                "{model} is a model for {}, which this does not measure",
                resident.capability()
            ))),
            false => Ok(rows),
        }
    }

    fn case(
        &self,
        resident: &mut Resident,
        model: &ModelId,
        case: &Case,
        load_seconds: f64,
    ) -> Outcome<Option<Measured>> {
        let Some(request) = case.request(resident).map_err(failure)? else { return Ok(None) };
        let label = case.label(resident);
        let footprint_bytes = request.footprint(resident).total();
        let meter = Meter::start();
        let (mut seconds, mut first_seconds, mut amount) = (Vec::new(), Vec::new(), 0.0);
        for run in 0..=self.runs {
            let clock = Instant::now();
            let given = request.ask(run, resident, &Until(self.cancel)).map_err(failure)?;
            let took = clock.elapsed().as_secs_f64();
            (self.told)(&format!("{model} {label}, run {run} of {}: {took:.2} s", self.runs));
            if run > 0 {
                amount = given.amount;
                seconds.push(took);
                first_seconds.extend(given.first);
            }
        }
        let peak_bytes = meter.and_then(|meter| meter.read()).map(|measured| measured.peak);
        let (unit, unit_seconds) = case.unit();
        Ok(Some(Measured {
            model: model.0.rsplit('/').next().unwrap_or_default().to_owned(),
            task: resident.capability().to_string(),
            case: label,
            amount,
            unit,
            unit_seconds,
            load_seconds,
            seconds,
            first_seconds,
            footprint_bytes,
            peak_bytes,
        }))
    }
}

pub(super) fn failure(error: InferenceError) -> Failure {
    match error.kind() {
        ErrorKind::Cancelled => Failure::cancelled(error),
        ErrorKind::InvalidRequest | ErrorKind::UnknownModel => Failure::usage(error),
        _ => Failure::failed(error),
    }
}
