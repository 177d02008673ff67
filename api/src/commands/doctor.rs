//! `reelsmith doctor`.

use super::{Context, print};
use crate::doctor::{Check, State, examine};
use crate::exit::{Failure, Outcome};
use crate::interrupt::unless;
use serde_json::json;

/// Looks, tells, and fails when something needed is missing.
pub(super) async fn run(context: &Context, json: bool) -> Outcome {
    let library = context.library()?;
    let looking = async { Ok(examine(&context.config, &library).await) };
    let checks = unless(&context.cancel, looking).await?;
    let blocking = checks.iter().filter(|check| check.blocks()).count();
    match json {
        true => print(json!({"ok": blocking == 0, "checks": checks})),
        false => checks.iter().for_each(|check| print(line(check))),
    }
    match blocking {
        0 => Ok(()),
        1 => Err(Failure::failed("one thing needed is not in order; the line above says how to mend it")),
        n => Err(Failure::failed(format!(
            "{n} things needed are not in order; the lines above say how to mend them"
        ))),
    }
}

fn line(check: &Check) -> String {
    let mark = match (check.state, check.needed) {
        (State::Ok, _) => "ok     ",
        (State::Warning, _) | (_, false) => "warning",
        (State::Missing, true) => "missing",
        (State::TooOld, true) => "too old",
        (State::Broken, true) => "broken ",
    };
    let mend = check.mend.as_ref().map_or(String::new(), |mend| format!("\n{:9}{:24} mend: {mend}", "", ""));
    format!("{mark}  {:<24} {}{mend}", check.name, check.found)
}
