//! Whether jobs can be run: looked at every few seconds at most, however often it is asked.

use crate::doctor::programs::run;
use crate::house::House;
use crate::state::App;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, Semaphore};

/// How long an answer holds: orchestrators ask every few seconds, and looking starts two programs.
const FRESH: Duration = Duration::from_secs(5);
/// What does not answer for this long is not fit.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is needed to run a job, and what callers are told is wrong with it.
pub type Findings = Vec<(&'static str, Option<String>)>;

/// The last look.
#[derive(Debug)]
pub struct Readiness {
    last: Kept<Findings>,
    /// Held while the models are looked at, which nothing can stop on a file system that hangs.
    models: Arc<Semaphore>,
}

impl Default for Readiness {
    fn default() -> Self {
        Self { last: Kept::default(), models: Arc::new(Semaphore::new(1)) }
    }
}

/// What is fit and what is not, some seconds old at most. Causes, which name places of this machine,
/// go to the log.
pub async fn findings(app: &Arc<App>) -> Findings {
    let looking = app.clone();
    let found = app.readiness.last.get(FRESH, async move { look(&looking).await }).await;
    found.unwrap_or_else(|| vec![("checks", Some("could not be made".to_owned()))])
}

async fn look(app: &App) -> Findings {
    let house = &app.house;
    let (database, blobs, models, ffmpeg) = tokio::join!(
        answered("database", house.unfinished()),
        answered("blobs", house.blobs.check()),
        models(house, &app.readiness.models),
        programs(house),
    );
    vec![("database", database), ("blobs", blobs), ("models", models), ("ffmpeg", ffmpeg)]
}

async fn answered<T>(
    name: &'static str,
    asked: impl Future<Output = reelsmith_storage::Result<T>>,
) -> Option<String> {
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(unfit(name, &crate::error::chain(&error))),
        Err(_) => Some(unfit(name, "no answer in time")),
    }
}

/// Tells the log why, and gives what callers are told.
fn unfit(name: &'static str, cause: &str) -> String {
    tracing::warn!(check = name, cause, "not ready");
    "not fit; the log of the service has the cause".to_owned()
}

async fn models(house: &House, places: &Arc<Semaphore>) -> Option<String> {
    let Ok(place) = places.clone().try_acquire_owned() else {
        return Some("still being looked at".to_owned());
    };
    let library = house.library.clone();
    let looked = tokio::task::spawn_blocking(move || {
        let _place = place;
        library.missing(&library.for_short())
    });
    match tokio::time::timeout(PATIENCE, looked).await {
        Ok(Ok(missing)) if missing.is_empty() => None,
        Ok(Ok(missing)) => {
            let names: Vec<&str> = missing.iter().map(|id| id.0.as_str()).collect();
            Some(format!("missing: run `reelsmith models pull {}`", names.join(" ")))
        }
        Ok(Err(error)) => Some(unfit("models", &error.to_string())),
        Err(_) => Some(unfit("models", "no answer in time")),
    }
}

/// That they start; their versions were looked at when the service did.
async fn programs(house: &House) -> Option<String> {
    let ffmpeg = &house.ffmpeg;
    let (encodes, examines) = tokio::join!(
        run(ffmpeg.ffmpeg_path(), &["-version"], PATIENCE),
        run(ffmpeg.ffprobe_path(), &["-version"], PATIENCE)
    );
    encodes.and(examines).err().map(|cause| unfit("ffmpeg", &cause))
}

/// A value that is made anew once it is old, by one caller at a time.
#[derive(Debug)]
struct Kept<T>(Arc<Mutex<Option<(Instant, T)>>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(None)))
    }
}

impl<T: Clone + Send + 'static> Kept<T> {
    /// The kept value if it is younger than `fresh`, else that of `look`; none if that panics.
    async fn get(&self, fresh: Duration, look: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let mut last = self.0.clone().lock_owned().await;
        if let Some((at, value)) = &*last
            && at.elapsed() < fresh
        {
            return Some(value.clone());
        }
        // A task of its own: a caller who goes away half-way does not make the next one begin anew.
        let looking = tokio::spawn(async move {
            let value = look.await;
            *last = Some((Instant::now(), value.clone()));
            value
        });
        looking.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test(flavor = "multi_thread")]
    async fn many_askers_at_once_cause_one_look() {
        let (kept, looks) = (Arc::new(Kept::default()), Arc::new(AtomicUsize::new(0)));
        let ask = |fresh| {
            let (kept, looks) = (kept.clone(), looks.clone());
            tokio::spawn(async move {
                let look = async move {
                    let number = looks.fetch_add(1, Ordering::SeqCst) + 1;
                    tokio::task::yield_now().await;
                    number
                };
                kept.get(fresh, look).await
            })
        };
        for answer in futures::future::join_all((0..50).map(|_| ask(LONG))).await {
            assert_eq!(answer.expect("no panic"), Some(1));
        }
        assert_eq!(ask(Duration::ZERO).await.expect("no panic"), Some(2), "an old answer is made anew");
    }

    #[tokio::test]
    async fn a_look_goes_on_when_its_asker_has_gone() {
        let kept = Arc::new(Kept::default());
        let (begun, go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (told, gate) = (begun.clone(), go.clone());
        let first = {
            let kept = kept.clone();
            tokio::spawn(async move {
                let look = async move {
                    told.add_permits(1);
                    let _ = gate.acquire().await;
                    "first"
                };
                kept.get(LONG, look).await
            })
        };
        let _ = begun.acquire().await.expect("open");
        first.abort();
        go.add_permits(1);
        assert_eq!(kept.get(LONG, async { "second" }).await, Some("first"));
    }
}
