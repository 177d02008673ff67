//! Who asks: tenants, priorities, deadlines.

use crate::fake::{Answer, Desk, ask, config, serve, small, start, start_as, until};
use crate::plan::Plan;
use reelsmith_scheduler::{Asked, CancelToken, DeviceConfig, Priority, ScheduleError, Scheduler};
use std::time::Duration;
use tokio::task::JoinHandle;

const LONG: Duration = Duration::from_millis(500);

fn tenant(name: &str) -> Asked {
    Asked { tenant: Some(name.into()), ..Asked::default() }
}

fn within(deadline: Duration) -> Asked {
    Asked { deadline: Some(deadline), ..Asked::default() }
}

fn gated(id: u64) -> Plan {
    Plan { gated: true, ..Plan::new(id) }
}

/// A run at its gate, as `asked`.
async fn at_gate(scheduler: &Scheduler, desk: &Desk, asked: Asked, id: u64) -> JoinHandle<Answer> {
    let running = ask(&scheduler.as_asked(asked), "a", gated(id), &CancelToken::new());
    until(scheduler, "it runs", |now| now.running.as_ref().is_some_and(|it| it.bytes == 10)).await;
    desk.arrived();
    running
}

/// Runs the model for `LONG`, so that this is what a run of it takes.
async fn practise(scheduler: &Scheduler, desk: &Desk, asked: Asked, id: u64) {
    let running = at_gate(scheduler, desk, asked, id).await;
    tokio::time::sleep(LONG).await; // The time of a run that is measured.
    desk.pass();
    running.await.unwrap().unwrap();
}

/// In which order the two are served that come while the device is at work.
async fn order(scheduler: &Scheduler, desk: &Desk, holder: Asked, first: Asked, second: Asked) -> Vec<u64> {
    let holding = at_gate(scheduler, desk, holder, 100).await;
    let mut waiting = Vec::new();
    for (id, asked) in [(1, first), (2, second)] {
        waiting.push(ask(&scheduler.as_asked(asked), "a", Plan::new(id), &CancelToken::new()));
        until(scheduler, "it waits", |now| now.queue.len() == id as usize).await;
    }
    desk.pass();
    holding.await.unwrap().unwrap();
    for answer in waiting {
        answer.await.unwrap().unwrap();
    }
    desk.seen(|seen| seen.begun.iter().copied().filter(|id| *id < 10).collect())
}

#[tokio::test]
async fn who_had_the_device_of_late_goes_after_who_had_not() {
    let (scheduler, desk) = start(1000, 10, &[("a", small())]);
    // A small share is used up soon.
    let greedy = || Asked { weight: 0.02, ..tenant("greedy") };
    practise(&scheduler, &desk, greedy(), 50).await;
    let order = order(&scheduler, &desk, greedy(), greedy(), tenant("modest")).await;
    assert_eq!(order, [2, 1]);
}

#[tokio::test]
async fn among_requests_of_one_tenant_the_earlier_goes_first() {
    let (scheduler, desk) = start(1000, 10, &[("a", small())]);
    practise(&scheduler, &desk, Asked::default(), 50).await;
    let nobody = Asked::default;
    assert_eq!(order(&scheduler, &desk, nobody(), nobody(), nobody()).await, [1, 2]);
}

#[tokio::test]
async fn what_somebody_waits_for_goes_before_what_has_time() {
    let (scheduler, desk) = start(1000, 10, &[("a", small())]);
    practise(&scheduler, &desk, Asked::default(), 50).await;
    let of = |priority| Asked { priority, ..Asked::default() };
    let order =
        order(&scheduler, &desk, Asked::default(), of(Priority::Background), of(Priority::Interactive)).await;
    assert_eq!(order, [2, 1]);
    assert_eq!(scheduler.snapshot().counters.completed, 4, "and both are served");
}

#[tokio::test]
async fn a_tenant_has_no_more_places_than_are_his() {
    let config = DeviceConfig { tenant_capacity: Some(1), ..config(1000, 4) };
    let (scheduler, desk) = start_as(config, 1000, &[("a", small())]);
    let mut held = vec![at_gate(&scheduler, &desk, tenant("x"), 1).await];
    for (id, asked) in [(2, tenant("x")), (3, tenant("y")), (4, Asked::default()), (5, Asked::default())] {
        held.push(ask(&scheduler.as_asked(asked), "a", Plan::new(id), &CancelToken::new()));
        until(&scheduler, "it waits", |now| now.queue.len() as u64 == id - 1).await;
    }
    let queue = scheduler.snapshot().queue;
    assert_eq!(queue[0].tenant.as_deref(), Some("x"));
    match serve(&scheduler.as_asked(tenant("y")), "a", Plan::new(6)).await {
        Err(ScheduleError::Busy { waiting: 1, retry_after, .. }) => {
            assert!(retry_after >= Duration::from_secs(1), "{retry_after:?}");
        }
        other => panic!("{other:?}"),
    }
    desk.pass();
    for answer in held {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(scheduler.snapshot().counters.refused_busy, 1);
}

#[tokio::test]
async fn who_has_a_deadline_is_told_when_it_passes_and_never_begun() {
    let (scheduler, desk) = start(1000, 10, &[("a", small())]);
    let running = at_gate(&scheduler, &desk, Asked::default(), 1).await;
    let late = serve(&scheduler.as_asked(within(Duration::from_millis(30))), "a", Plan::new(2)).await;
    assert!(matches!(late, Err(ScheduleError::Late { .. })), "while the first still runs: {late:?}");
    let met =
        ask(&scheduler.as_asked(within(Duration::from_secs(600))), "a", Plan::new(3), &CancelToken::new());
    until(&scheduler, "it waits", |now| now.queue.len() == 1).await;
    desk.pass();
    running.await.unwrap().unwrap();
    met.await.unwrap().unwrap();
    assert_eq!(desk.seen(|seen| seen.begun.clone()), [1, 3]);
    assert_eq!(scheduler.snapshot().counters.refused_late, 1);
}

#[tokio::test]
async fn a_deadline_that_cannot_be_met_is_refused_at_once_and_one_that_passes_runs_on() {
    let (scheduler, desk) = start(1000, 10, &[("a", small())]);
    practise(&scheduler, &desk, Asked::default(), 1).await;
    let hopeless = serve(&scheduler.as_asked(within(LONG / 2)), "a", Plan::new(2)).await;
    match hopeless {
        Err(ScheduleError::Late { deadline, needed, .. }) => assert!(deadline == LONG / 2 && needed >= LONG),
        other => panic!("{other:?}"),
    }
    // It could have met its deadline as it began; who runs is not given up.
    let running = at_gate(&scheduler, &desk, within(LONG * 8), 3).await;
    tokio::time::sleep(LONG * 8).await; // The deadline.
    desk.pass();
    running.await.unwrap().unwrap();
    assert_eq!(desk.seen(|seen| seen.begun.clone()), [1, 3]);
}

#[tokio::test]
async fn a_request_goes_first_as_its_last_moment_nears() {
    let (scheduler, desk) = start(1000, 10, &[("a", small())]);
    practise(&scheduler, &desk, Asked::default(), 50).await;
    let holding = at_gate(&scheduler, &desk, Asked::default(), 51).await;
    // Patience of such requests is eight seconds at least: four times two.
    let patient = Asked { priority: Priority::Background, ..Asked::default() };
    let pressed = Asked { deadline: Some(Duration::from_secs(6)), ..patient.clone() };
    let mut waiting = Vec::new();
    for (id, asked) in [(1, patient), (2, pressed)] {
        waiting.push(ask(&scheduler.as_asked(asked), "a", Plan::new(id), &CancelToken::new()));
        until(&scheduler, "it waits", |now| now.queue.len() == id as usize).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await; // The deadline nears.
    desk.pass();
    holding.await.unwrap().unwrap();
    for answer in waiting {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(desk.seen(|seen| seen.begun.clone()), [50, 51, 2, 1]);
}
