//! Speech, pictures and enlarging on one device: each request finds a model that can do it, or is told.

use crate::fake::{Able, Answer, Desk, Model, direction, dot, serve, small, start, until};
use crate::plan::{End, Plan};
use reelsmith_inference_core::catalogue::Capability;
use reelsmith_inference_core::image::{Generated, Image};
use reelsmith_inference_core::{ErrorKind, ModelId, Progress};
use reelsmith_scheduler::{CancelToken, ScheduleError, Scheduler};
use std::sync::{Arc, Mutex};

fn able(able: Able) -> Model {
    Model { able, ..small() }
}

fn three(limit: u64) -> (Scheduler, Desk) {
    let models = [("voice", small()), ("painter", able(Able::Generate)), ("upscaler", able(Able::Upscale))];
    start(limit, 10, &models)
}

async fn paint(scheduler: &Scheduler, model: &str, plan: Plan) -> Result<Generated, ScheduleError> {
    let model = ModelId(model.into());
    Ok(scheduler.generate(&model, plan.picture(), |_| {}, |_| {}, CancelToken::new()).await?.answer)
}

async fn enlarge(scheduler: &Scheduler, model: &str, plan: Plan) -> Result<Image, ScheduleError> {
    let model = ModelId(model.into());
    Ok(scheduler.upscale(&model, plan.enlarging(), |_| {}, CancelToken::new()).await?.answer)
}

#[tokio::test]
async fn each_capability_gets_its_own_kind_of_answer_from_its_own_model() {
    let (scheduler, desk) = three(1000);
    assert_eq!(serve(&scheduler, "voice", Plan::new(1)).await.unwrap().sample_rate, 1);
    let painted = paint(&scheduler, "painter", Plan::new(2)).await.unwrap();
    assert_eq!(painted, Generated { images: vec![dot(2)], seeds: vec![2] });
    assert_eq!(enlarge(&scheduler, "upscaler", Plan::new(3)).await.unwrap(), dot(3));
    let now = scheduler.snapshot();
    assert_eq!((now.counters.completed, now.counters.loads, now.used_bytes), (3, 3, 300));
    desk.nothing_went_wrong();
}

#[tokio::test]
async fn a_model_of_another_capability_is_a_typed_error_and_stays_loaded() {
    let (scheduler, desk) = three(1000);
    let wrong = |answer: Option<ScheduleError>, model: &str, asked, can| match answer {
        Some(ScheduleError::WrongCapability { model: named, asked: wanted, able }) => {
            assert_eq!((named.0.as_str(), wanted, able), (model, asked, can));
        }
        other => panic!("{other:?}"),
    };
    use Capability::{Speak, TextToImage, Upscale};
    wrong(paint(&scheduler, "voice", Plan::new(1)).await.err(), "voice", TextToImage, Speak);
    wrong(enlarge(&scheduler, "painter", Plan::new(2)).await.err(), "painter", Upscale, TextToImage);
    wrong(serve(&scheduler, "upscaler", Plan::new(3)).await.err(), "upscaler", Speak, Upscale);
    let told = paint(&scheduler, "voice", Plan::new(4)).await.unwrap_err().to_string();
    assert!(told.starts_with("voice is a model for speak, not for text-to-image"), "{told}");
    assert_eq!(desk.seen(|seen| (seen.begun.len(), seen.unloaded.len())), (0, 0), "nothing ran or went");
    serve(&scheduler, "voice", Plan::new(5)).await.unwrap();
    let now = scheduler.snapshot().counters;
    assert_eq!((now.failed, now.completed, now.loads, now.panics), (4, 1, 3, 0));
    desk.nothing_went_wrong();
}

#[tokio::test]
async fn texts_are_read_by_readers_alone() {
    let models = [("voice", small()), ("reader", able(Able::Embed)), ("judge", able(Able::Rerank))];
    let (scheduler, desk) = start(1000, 10, &models);
    let embed = async |model: &str, plan: Plan| {
        scheduler.embed(&ModelId(model.into()), plan.embedding(), |_| {}, CancelToken::new()).await
    };
    let judge = async |model: &str, plan: Plan| {
        scheduler.rerank(&ModelId(model.into()), plan.judging(), |_| {}, CancelToken::new()).await
    };
    assert_eq!(embed("reader", Plan::new(1)).await.unwrap(), [direction(1)]);
    assert_eq!(judge("judge", Plan::new(2)).await.unwrap().scores, [2.0]);
    for (model, told) in [
        ("voice", "voice is a model for speak, not for embed"),
        ("judge", "judge is a model for rerank, not for embed"),
    ] {
        let error = embed(model, Plan::new(3)).await.unwrap_err().to_string();
        assert!(error.starts_with(told), "{error}");
    }
    let error = judge("reader", Plan::new(4)).await.unwrap_err().to_string();
    assert!(error.starts_with("reader is a model for embed, not for rerank"), "{error}");
    let too_large = embed("reader", Plan { peak: 901, ..Plan::new(5) }).await;
    assert!(matches!(too_large, Err(ScheduleError::TooLarge(_))), "{too_large:?}");
    assert_eq!(scheduler.snapshot().counters.completed, 2);
    desk.nothing_went_wrong();
}

#[tokio::test]
async fn models_of_all_capabilities_share_one_ledger() {
    let (scheduler, desk) = three(220);
    serve(&scheduler, "voice", Plan::new(1)).await.unwrap();
    paint(&scheduler, "painter", Plan::new(2)).await.unwrap();
    enlarge(&scheduler, "upscaler", Plan::new(3)).await.unwrap();
    assert_eq!(desk.seen(|seen| seen.unloaded.clone()), ["voice"], "it was used least recently");
    paint(&scheduler, "painter", Plan { peak: 110, ..Plan::new(4) }).await.unwrap();
    assert_eq!(desk.seen(|seen| seen.unloaded.clone()), ["voice", "upscaler"], "the picture needs its room");
    let refused = enlarge(&scheduler, "upscaler", Plan { peak: 121, ..Plan::new(5) }).await;
    assert!(matches!(refused, Err(ScheduleError::TooLarge(_))), "{refused:?}");
    desk.nothing_went_wrong();
}

#[tokio::test]
async fn failures_of_pictures_are_those_of_speech() {
    let (scheduler, desk) = three(1000);
    let ends = |end| Plan { end, ..Plan::new(1) };
    match paint(&scheduler, "painter", ends(End::Fail)).await {
        Err(ScheduleError::Inference(error)) => assert_eq!(error.kind(), ErrorKind::Engine),
        other => panic!("{other:?}"),
    }
    let panicked = enlarge(&scheduler, "upscaler", ends(End::Panic)).await;
    assert!(matches!(panicked, Err(ScheduleError::Panicked { .. })), "{panicked:?}");
    assert_eq!(desk.seen(|seen| seen.unloaded.clone()), ["upscaler"]);
    assert_eq!(enlarge(&scheduler, "upscaler", Plan::new(2)).await.unwrap(), dot(2));
    let crowded = paint(&scheduler, "painter", ends(End::NeedsSpace)).await;
    assert_eq!(crowded.unwrap().seeds, [1], "tried again with nothing else on the device");
    assert_eq!(scheduler.snapshot().counters.memory_retries, 1);
    desk.nothing_went_wrong();
}

#[tokio::test]
async fn previews_and_steps_are_passed_on_while_the_picture_is_made() {
    let (scheduler, desk) = three(1000);
    let (steps, seen) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
    let painting = {
        let (scheduler, steps, seen) = (scheduler.clone(), Arc::clone(&steps), Arc::clone(&seen));
        let heard = move |now: Progress| steps.lock().unwrap().push(now);
        let shown = move |image: &Image| seen.lock().unwrap().push(image.pixels[0]);
        let request = Plan { steps: 3, gated: true, ..Plan::new(7) }.picture();
        tokio::spawn(async move {
            scheduler.generate(&ModelId("painter".into()), request, heard, shown, CancelToken::new()).await
        })
    };
    for step in 0..3u8 {
        until(&scheduler, "it runs", |now| now.running.is_some()).await;
        desk.arrived();
        // One preview is shown before the next step is allowed, so that all of them are seen.
        let expected: Vec<u8> = (1..=step).collect();
        let waiting = async {
            while *seen.lock().unwrap() != expected {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), waiting).await.unwrap();
        desk.pass();
    }
    assert_eq!(painting.await.unwrap().unwrap().answer.seeds, [7]);
    assert_eq!(*seen.lock().unwrap(), [1, 2, 3], "each once, the last one too");
    let last = Progress { done: 3, total: Some(3), unit: "steps" };
    assert_eq!(steps.lock().unwrap().last(), Some(&last));
}

#[tokio::test]
async fn a_picture_is_given_up_at_its_next_step() {
    let (scheduler, desk) = three(1000);
    let cancel = CancelToken::new();
    let painting = {
        let (scheduler, cancel) = (scheduler.clone(), cancel.clone());
        let request = Plan { steps: 1000, gated: true, ..Plan::new(1) }.picture();
        let model = ModelId("painter".into());
        tokio::spawn(async move { scheduler.generate(&model, request, |_| {}, |_| {}, cancel).await })
    };
    until(&scheduler, "it runs", |now| now.running.as_ref().is_some_and(|it| it.bytes == 10)).await;
    desk.arrived();
    cancel.cancel();
    desk.pass();
    assert!(matches!(painting.await.unwrap(), Err(ScheduleError::Cancelled)));
    let answer: Answer = serve(&scheduler, "voice", Plan::new(2)).await;
    assert_eq!(answer.unwrap().sample_rate, 2, "the device is free again");
    assert_eq!(scheduler.snapshot().counters.cancelled, 1);
}
