//! `reelsmith models list | pull | verify | rm`.

use super::{Context, print};
use crate::cli::{Models, Set};
use crate::config::layers::show_bytes;
use crate::exit::{Failure, Outcome, blocking};
use crate::interrupt::unless;
use crate::library::{Library, store_failure};
use crate::pulling;
use indicatif::{ProgressBar, ProgressStyle};
use reelsmith_inference::store::{State, Verified};
use reelsmith_inference_core::ModelId;
use reelsmith_inference_core::catalogue::Model;
use serde_json::{Value, json};
use std::io::{BufRead, IsTerminal, Write};

/// Runs one of them.
pub(super) async fn run(context: &mut Context, command: Models) -> Outcome {
    let library = context.library()?;
    match command {
        Models::List { json } => list(&library, json),
        Models::Pull { models, set, json: _ } => pull(context, &library, &models, set).await,
        Models::Verify { models } => verify(context, &library, &models).await,
        Models::Rm { models, yes } => remove(context, &library, &models, yes).await,
    }
}

/// The entries of those names.
///
/// # Errors
/// An unknown one, with the near matches.
fn named(library: &Library, names: &[String]) -> Outcome<Vec<ModelId>> {
    names.iter().map(|name| library.find(name).map(|model| model.id.clone())).collect()
}

fn state_name(state: State) -> String {
    match state {
        State::Absent => "absent".into(),
        State::Partial { present, bytes } => format!("partial {} %", present * 100 / bytes.max(1)),
        State::Unverified => "unverified".into(),
        State::Present => "present".into(),
    }
}

fn list(library: &Library, json: bool) -> Outcome {
    let mut rows: Vec<(&Model, State)> = Vec::new();
    for model in library.catalogue().iter() {
        rows.push((model, library.store.state(&model.id).map_err(store_failure)?));
    }
    if json {
        let all: Vec<Value> = rows
            .iter()
            .map(|(model, state)| {
                json!({
                    "id": model.id, "kind": model.kind, "title": model.title, "bytes": model.bytes_here(),
                    "licence": model.licence, "precision": model.precision, "requires": model.requires,
                    "state": state_name(*state),
                })
            })
            .collect();
        print(Value::Array(all));
        return Ok(());
    }
    let width = rows.iter().map(|(model, _)| model.id.0.len()).max().unwrap_or(2);
    print(format!(
        "{:<width$}  {:<8} {:>10}  {:<5}  {:<12}  STATE",
        "ID", "KIND", "SIZE", "PREC.", "LICENCE"
    ));
    for (model, state) in rows {
        let kind = serde_json::to_value(model.kind).unwrap_or_default();
        let kind = kind.as_str().unwrap_or_default().to_owned();
        let licence = match model.licence.commercial {
            true => model.licence.spdx.clone(),
            false => format!("{} (non-commercial)", model.licence.spdx),
        };
        print(format!(
            "{:<width$}  {kind:<8} {:>10}  {:<5}  {licence:<12}  {}",
            model.id.0,
            show_bytes(model.bytes_here()),
            model.precision.as_deref().unwrap_or("-"),
            state_name(state)
        ));
    }
    Ok(())
}

async fn pull(context: &Context, library: &Library, names: &[String], set: Option<Set>) -> Outcome {
    let ids = match (names, set) {
        ([], None | Some(Set::Short)) => library.for_short(),
        ([], Some(Set::Test)) => library.for_tests(),
        ([], Some(Set::All)) => library.everything(),
        (names, _) => named(library, names)?,
    };
    library.check_licences(&ids)?;
    pulling::pull(library, &ids, context.reporter.teller(), &context.cancel).await?;
    context.reporter.teller().note(&format!("{} models are here and verified", library.closure(&ids).len()));
    Ok(())
}

async fn verify(context: &Context, library: &Library, names: &[String]) -> Outcome {
    let ids = match names {
        [] => library.everything().into_iter().filter(|id| is_whole(library, id)).collect(),
        names => named(library, names)?,
    };
    if ids.is_empty() {
        return Err(Failure::failed("no model is here yet; run `reelsmith models pull`"));
    }
    let mut wrong = Vec::new();
    for id in &ids {
        match verify_one(context, library, id).await {
            Ok(verified) => print(format!("{id}: {} files as recorded", verified.files.len())),
            Err(failure) if failure.exit == crate::exit::Exit::Cancelled => return Err(failure),
            Err(failure) => {
                print(format!("{id}: {failure}"));
                wrong.push(id.0.as_str());
            }
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(Failure::failed(format!(
            "{} of {} models are not as recorded; fetch them again with `reelsmith models pull {}`",
            wrong.len(),
            ids.len(),
            wrong.join(" ")
        ))),
    }
}

fn is_whole(library: &Library, id: &ModelId) -> bool {
    matches!(library.store.state(id), Ok(State::Present | State::Unverified))
}

fn bar_style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix:<24} {bar:30.cyan/dim} {bytes:>10}/{total_bytes}")
        .expect("the template is a constant, checked by a test")
}

/// Hashes one entry on a thread of its own, with a bar.
async fn verify_one(context: &Context, library: &Library, id: &ModelId) -> Outcome<Verified> {
    let bars = context.reporter.teller().bars();
    let bar = bars.add(ProgressBar::new(0)).with_prefix(id.0.clone()).with_style(bar_style());
    let (store, id, cancel, shown) = (library.store.clone(), id.clone(), context.cancel.clone(), bar.clone());
    let hashed = tokio::task::spawn_blocking(move || {
        let progress = |done, bytes| {
            shown.set_length(bytes);
            shown.set_position(done);
        };
        store.verify(&id, &progress, &cancel).map_err(store_failure)
    })
    .await;
    bar.finish_and_clear();
    hashed.map_err(|e| Failure::failed(format!("hashing was interrupted: {e}")))?
}

async fn remove(context: &Context, library: &Library, names: &[String], yes: bool) -> Outcome {
    let ids = named(library, names)?;
    for id in &ids {
        let users: Vec<&str> = library.catalogue().dependents(id).map(|model| model.id.0.as_str()).collect();
        if !users.is_empty() {
            eprintln!("note: {id} is needed by {}", users.join(", "));
        }
    }
    let asked = ids.clone();
    if !yes && !unless(&context.cancel, blocking(move || confirmed(&asked))).await? {
        return Err(Failure::failed("nothing was removed"));
    }
    for id in &ids {
        let freed = library.store.remove(id).map_err(store_failure)?;
        print(format!("{id}: removed, {} freed", show_bytes(freed)));
    }
    Ok(())
}

/// Asks on a terminal; elsewhere nobody could answer.
fn confirmed(ids: &[ModelId]) -> Outcome<bool> {
    let names: Vec<&str> = ids.iter().map(|id| id.0.as_str()).collect();
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(format!("to remove {} without being asked, add --yes", names.join(", "))));
    }
    eprint!("Remove {}? [y/N] ", names.join(", "));
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(|e| Failure::io("read the answer", &e))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::{InMemoryTerm, ProgressDrawTarget};

    #[test]
    fn the_bar_of_hashing_shows_name_and_bytes() {
        let screen = InMemoryTerm::new(4, 120);
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        let bar = ProgressBar::with_draw_target(Some(2048), target).with_prefix("a-model");
        bar.set_style(bar_style());
        bar.set_position(1024);
        bar.tick();
        let shown = screen.contents();
        assert!(shown.contains("a-model") && shown.contains("1.00 KiB/2.00 KiB"), "{shown:?}");
    }
}
