//! `reelsmith engine`: the models of a service, in a process of their own. Started by the service alone.

use super::Context;
use crate::exit::{Failure, Outcome, blocking};
use crate::house::engine;
use reelsmith_inference::process;

/// Answers the calls of the service until it is gone.
pub(super) async fn run(context: &Context) -> Outcome {
    end_with_the_service();
    let engine = engine(&context.config, &context.library()?);
    blocking(move || {
        process::serve(Box::new(engine)).map_err(|error| {
            Failure::failed(format!(
                "the engine's process ends: {error}; `reelsmith serve` starts it, nobody else can"
            ))
        })
    })
    .await
}

/// A long step shall not outlive a service that was killed. One that is gone already is met at the first read.
fn end_with_the_service() {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: the call takes no pointer; it asks for a signal when the thread that started this process ends
        // (prctl(2), PR_SET_PDEATHSIG).
        let asked = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        debug_assert_eq!(asked, 0, "the signal exists");
    }
}
