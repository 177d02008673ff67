//! Which models stay, by wish.

use super::{Scheduler, only};
use crate::work::{Task, Work};
use crate::{CancelToken, KeepAlive, ScheduleError};
use reelsmith_inference_core::ModelId;

impl Scheduler {
    /// Loads a model, as a request for it would, and returns once it is loaded. It waits its turn, and what it displaces
    /// is chosen as for a request.
    ///
    /// # Errors
    /// Any [`ScheduleError`]; `Busy` at once if as many wait as may.
    pub async fn preload(&self, model: &ModelId, cancel: CancelToken) -> Result<(), ScheduleError> {
        self.ask(model, |reply| Work::Preload(Task::new((), reply)), only(|_| {}), cancel).await
    }

    /// Unloads an idle model, pinned or not, once the device comes to it: at the next step of what runs. Says whether it
    /// was loaded. Requests that wait for it have it loaded again.
    ///
    /// # Errors
    /// `InUse` if it runs or is being loaded, `ShuttingDown`; `Busy` if very many unloads wait.
    pub async fn unload(&self, model: &ModelId) -> Result<bool, ScheduleError> {
        let answered = self.owner.0.order_unload(model)?;
        answered.await.unwrap_or(Err(ScheduleError::ShuttingDown))
    }

    /// Pins a model, loaded or not yet: once it is loaded it stays, whatever else needs the room, and what cannot run
    /// beside it is refused [`ScheduleError::PinnedOut`]. Or lets it go again.
    ///
    /// # Errors
    /// `InvalidConfig` if 256 models are pinned or kept already.
    pub fn pin(&self, model: &ModelId, pinned: bool) -> Result<(), ScheduleError> {
        self.owner.0.wish(model, |wish| wish.pinned = pinned)
    }

    /// Sets for how long a model stays that nothing runs, where its last request wishes nothing else.
    ///
    /// # Errors
    /// `InvalidConfig` if 256 models are pinned or kept already.
    pub fn keep_alive(&self, model: &ModelId, keep: KeepAlive) -> Result<(), ScheduleError> {
        self.owner.0.wish(model, |wish| wish.keep = keep)
    }
}
