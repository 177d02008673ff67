//! The decision and the ledger, as functions: properties over random queues and devices.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use reelsmith_inference_core::{Footprint, ModelId};
use reelsmith_scheduler::ledger::{Ledger, LedgerError};
use reelsmith_scheduler::policy::{
    self, Action, Decision, Device, MOST_RUNS, Reason, Resident, Run, Shares, View, Waiting, fair_weight,
};

fn model(n: u8) -> ModelId {
    ModelId(format!("model-{n}"))
}

/// A request of model `n` that takes `service` seconds and has just come.
fn asks(id: u64, n: u8, service: f64) -> Waiting {
    let needs = Footprint { weights: 100, peak_activation: 50 };
    let (model, patience) = (model(n), 1000.0);
    Waiting { id, model, needs, service, after: 0.0, load: 1.0, waited: 0.0, patience, weight: 1.0 }
}

fn holds(n: u8, last_used: u64) -> Resident {
    Resident { model: model(n), bytes: 100, last_used, reload: 1.0, pinned: false }
}

fn runs(request: u64, n: u8, remaining: f64) -> Run {
    let (model, patience) = (model(n), 1000.0);
    Run { request, model, remaining, service: remaining, waited: 0.0, patience, weight: 1.0 }
}

fn device(limit: u64, residents: Vec<Resident>) -> Device {
    let used = residents.iter().map(|resident| resident.bytes).sum();
    Device { limit, used, residents, runs: Vec::new(), loading: None, loaded_for: None, loads_beside: false }
}

fn next(queue: &[Waiting], devices: &[Device]) -> Decision {
    policy::next(&View { queue, devices })
}

fn waiting() -> impl Strategy<Value = Vec<Waiting>> {
    let one = (0u8..6, 0u64..700, 0u64..700, 0.0f64..20.0, 0.0f64..3.0, 0.0f64..200.0, 0.1f64..4.0);
    proptest::collection::vec(one, 0..8).prop_map(|all| {
        let number = |(id, (n, weights, peak_activation, service, load, waited, weight))| Waiting {
            needs: Footprint { weights, peak_activation },
            load,
            waited,
            weight,
            patience: 100.0,
            ..asks(id as u64 + 1, n, service)
        };
        all.into_iter().enumerate().map(number).collect()
    })
}

/// A device whose residents fit, perhaps with some of them at work.
fn devices() -> impl Strategy<Value = Device> {
    let residents = proptest::sample::subsequence((0u8..6).collect::<Vec<_>>(), 0..6);
    let sizes = proptest::collection::vec((0u64..300, 0u64..100, 0.0f64..3.0, any::<bool>()), 6);
    (residents, sizes, 0u64..400, 0usize..=MOST_RUNS, 0.0f64..20.0, any::<bool>()).prop_map(
        |(held, sizes, spare, active, remaining, loads_beside)| {
            let resident = |n: &u8| {
                let (bytes, last_used, reload, pinned) = sizes[*n as usize];
                Resident { model: model(*n), bytes, last_used, reload, pinned: pinned && *n == 0 }
            };
            let runs = held.iter().take(active).map(|n| runs(100 + u64::from(*n), *n, remaining)).collect();
            let bare = device(0, held.iter().map(resident).collect());
            // Perhaps a model was loaded for one that waits.
            let loaded_for = Some(spare % 12);
            Device { limit: bare.used + spare, runs, loads_beside, loaded_for, ..bare }
        },
    )
}

/// Carries a decision out on the view, as the device's thread would on the device.
fn carry_out(action: &Action, queue: &mut Vec<Waiting>, devices: &mut [Device]) {
    match action {
        Action::Wait => {}
        Action::Reject { request } => queue.retain(|waiting| waiting.id != *request),
        Action::Evict { device, model } => {
            let device = &mut devices[*device];
            let at = device.residents.iter().position(|resident| resident.model == *model).unwrap();
            device.used -= device.residents.remove(at).bytes;
        }
        Action::Load { device, request } => {
            let waiting = queue.iter().find(|waiting| waiting.id == *request).unwrap();
            let (model, bytes) = (waiting.model.clone(), waiting.needs.weights);
            let device = &mut devices[*device];
            device.used += bytes;
            device.residents.push(Resident { model, bytes, last_used: 1000, reload: 1.0, pinned: false });
        }
        Action::Run { device, request } => {
            let at = queue.iter().position(|waiting| waiting.id == *request).unwrap();
            let Waiting { id, model, needs, service, .. } = queue.remove(at);
            let device = &mut devices[*device];
            let held = device.residents.iter().find(|resident| resident.model == model).unwrap().bytes;
            device.used += needs.total().saturating_sub(held);
            device.runs.push(Run { model, ..runs(id, 0, service) });
        }
    }
}

fn allowed(decision: &Decision, queue: &[Waiting], devices: &[Device]) -> Result<(), TestCaseError> {
    let asked = |request: &u64| queue.iter().find(|waiting| waiting.id == *request).unwrap();
    match &decision.action {
        Action::Wait if queue.is_empty() => prop_assert_eq!(decision.reason, Reason::NothingWaits),
        Action::Wait => {
            prop_assert_eq!(decision.reason, Reason::DevicesBusy);
            let free =
                |device: &Device| device.runs.is_empty() && device.residents.iter().all(|held| !held.pinned);
            let left = devices.iter().any(|device| {
                free(device) && queue.iter().any(|waiting| waiting.needs.total() <= device.limit)
            });
            prop_assert!(!left, "an idle device was left idle");
        }
        Action::Reject { request } => {
            let (needed, own) = (asked(request).needs.total(), &asked(request).model);
            let pinned = |device: &Device| -> u64 {
                let beside = device.residents.iter().filter(|held| held.pinned && held.model != *own);
                beside.map(|held| held.bytes).sum()
            };
            prop_assert!(devices.iter().all(|device| device.limit < needed + pinned(device)));
        }
        Action::Evict { device, model } => {
            let device = &devices[*device];
            let held = device.residents.iter().find(|resident| resident.model == *model).unwrap();
            prop_assert!(!held.pinned, "a pinned model was evicted");
            prop_assert!(device.runs.iter().all(|run| run.model != *model), "an active model was evicted");
        }
        Action::Load { device, request } => {
            let (device, waiting) = (&devices[*device], asked(request));
            prop_assert!(device.residents.iter().all(|resident| resident.model != waiting.model));
            prop_assert!(device.used + waiting.needs.weights <= device.limit);
            prop_assert!(device.loads_beside || device.runs.is_empty());
        }
        Action::Run { device, request } => {
            let (device, waiting) = (&devices[*device], asked(request));
            prop_assert!(device.runs.len() < MOST_RUNS);
            prop_assert!(device.runs.iter().all(|run| run.model != waiting.model), "it is amid a run");
            let held =
                device.residents.iter().find(|resident| resident.model == waiting.model).unwrap().bytes;
            prop_assert!(device.used + waiting.needs.total().saturating_sub(held) <= device.limit);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn decisions_are_possible_and_come_to_an_end(mut queue in waiting(), mut devices in proptest::collection::vec(devices(), 1..4)) {
        let effects = 1 + queue.len() * (2 + devices.iter().map(|device| device.residents.len() + 8).sum::<usize>());
        for _ in 0..effects {
            let decision = next(&queue, &devices);
            prop_assert_eq!(&decision, &next(&queue, &devices), "the same question, the same answer");
            allowed(&decision, &queue, &devices)?;
            if decision.action == Action::Wait {
                return Ok(());
            }
            carry_out(&decision.action, &mut queue, &mut devices);
        }
        prop_assert!(false, "no end after {} effects", effects);
    }

    #[test]
    fn who_has_waited_beyond_all_patience_goes_first(mut queue in waiting(), late in 0usize..8, held in 0u8..6) {
        prop_assume!(!queue.is_empty());
        let late = late % queue.len();
        for (at, waiting) in queue.iter_mut().enumerate() {
            waiting.waited = if at == late { 150.0 } else { waiting.waited.min(99.0) };
            waiting.needs = Footprint { weights: 100, peak_activation: 50 };
        }
        let device = device(300, vec![holds(held, 1)]);
        let decision = next(&queue, std::slice::from_ref(&device));
        let request = match decision.action {
            Action::Run { request, .. } | Action::Load { request, .. } => Some(request),
            _ => None,
        };
        prop_assert_eq!(request, Some(queue[late].id), "{:?}", decision);
    }

    #[test]
    fn the_ledger_never_exceeds_its_limit(limit in 0u64..1000, entries in proptest::collection::vec((0u8..5, 0u8..4, 0u64..600), 0..200)) {
        let mut ledger = Ledger::new(limit);
        for (what, n, bytes) in entries {
            let before = (ledger.used(), ledger.free(), ledger.active().last().cloned());
            let answer = match what {
                0 => ledger.load(&model(n), bytes),
                1 => ledger.run(&model(n), bytes),
                2 => { ledger.idle(); Ok(()) }
                3 => ledger.correct(&model(n), bytes),
                _ => ledger.remove(&model(n)),
            };
            prop_assert!(ledger.used() <= limit);
            prop_assert_eq!(ledger.used() + ledger.free(), limit);
            match answer {
                Ok(()) => {}
                Err(error) => {
                    prop_assert_eq!((ledger.used(), ledger.free(), ledger.active().last().cloned()), before.clone(), "a refusal changed something");
                    if let LedgerError::Overdraft { asked, free } = error {
                        prop_assert!(asked > free && free == before.1);
                    }
                }
            }
            if what == 4 && before.2.as_ref() == Some(&model(n)) {
                prop_assert_eq!(answer, Err(LedgerError::WrongState), "the active model was removed");
            }
            let held: u64 = ledger.residents().iter().map(|resident| resident.bytes).sum();
            prop_assert!(held <= ledger.used());
            prop_assert!(ledger.residents().is_sorted_by_key(|resident| resident.last_used));
        }
    }
}

/// Seconds that requests of each tenant waited in the mean, where each run takes a second: one floods, one asks every
/// third second.
fn waits(shared: bool) -> (f64, f64) {
    let device = device(200, vec![holds(1, 1)]);
    let (mut shares, mut queue, mut waits) = (Shares::default(), Vec::new(), [Vec::new(), Vec::new()]);
    for now in 0..120u64 {
        let at = now as f64;
        let (flood, few) = (if now < 60 { 2 } else { 0 }, u64::from(now < 60 && now % 3 == 0));
        queue.extend((0..flood).map(|n| (10 * now + n, "flood", at)));
        queue.extend((0..few).map(|n| (10 * now + 5 + n, "few", at)));
        let used = |tenant: &str| shares.of_late(tenant, at);
        let least = queue.iter().map(|(_, tenant, _)| used(tenant)).fold(f64::INFINITY, f64::min);
        let waiting = queue.iter().map(|(id, tenant, since)| {
            let weight = if shared { fair_weight(used(tenant), least) } else { 1.0 };
            Waiting { waited: at - since, patience: 1000.0 / weight, weight, ..asks(*id, 1, 1.0) }
        });
        let waiting: Vec<Waiting> = waiting.collect();
        let Action::Run { request, .. } = next(&waiting, std::slice::from_ref(&device)).action else {
            continue;
        };
        let place = queue.iter().position(|(id, ..)| *id == request).unwrap();
        let (_, tenant, since) = queue.remove(place);
        waits[usize::from(tenant == "few")].push(at - since);
        shares.used(tenant, 1.0, 1.0, at + 1.0);
    }
    let mean = |waits: &[f64]| waits.iter().sum::<f64>() / waits.len() as f64;
    (mean(&waits[0]), mean(&waits[1]))
}

#[test]
fn a_flood_of_one_tenant_does_not_hold_up_another() {
    let ((_, alone), (_, fair)) = (waits(false), waits(true));
    assert!(alone > 10.0, "without shares the few wait {alone:.1} s in the mean");
    assert!(fair < 5.0, "with shares they wait {fair:.1} s");
}

#[test]
fn a_device_that_holds_the_model_is_preferred_to_one_with_more_room() {
    let (holder, empty) = (device(200, vec![holds(1, 1)]), device(1000, vec![]));
    let queue = [asks(7, 1, 5.0)];
    let decision = next(&queue, &[empty.clone(), holder.clone()]);
    assert_eq!(decision.action, Action::Run { device: 1, request: 7 });
    let busy = Device { runs: vec![runs(6, 1, 9.0)], ..holder };
    assert_eq!(next(&queue, &[empty, busy]).action, Action::Load { device: 0, request: 7 });
}

#[test]
fn the_shortest_goes_first_and_those_of_one_model_share_its_load() {
    let holder = device(200, vec![holds(1, 1)]);
    let short = next(&[asks(1, 1, 5.0), asks(2, 1, 0.5)], std::slice::from_ref(&holder));
    assert_eq!(short.action, Action::Run { device: 0, request: 2 });
    let alone = next(&[asks(1, 1, 1.0), asks(2, 2, 0.5)], std::slice::from_ref(&holder));
    assert_eq!(
        alone.action,
        Action::Run { device: 0, request: 1 },
        "half a second is not worth a swap of one"
    );
    let together = [asks(1, 1, 1.0), asks(2, 2, 0.5), asks(3, 2, 0.5), asks(4, 2, 0.5)];
    let shared = next(&together, &[holder]);
    assert_eq!(shared.action, Action::Evict { device: 0, model: model(1) }, "three of them are");
}

#[test]
fn a_long_run_is_interrupted_for_what_is_much_shorter_and_only_for_that() {
    let busy =
        Device { runs: vec![runs(9, 1, 10.0)], used: 250, ..device(400, vec![holds(1, 1), holds(2, 2)]) };
    let decision = next(&[asks(1, 2, 0.5)], std::slice::from_ref(&busy));
    assert_eq!(decision.action, Action::Run { device: 0, request: 1 });
    assert!(matches!(decision.reason, Reason::MoreUrgent { .. }), "{}", decision.reason);
    assert_eq!(next(&[asks(1, 2, 9.0)], std::slice::from_ref(&busy)).action, Action::Wait);
    let own = next(&[asks(1, 1, 0.5)], std::slice::from_ref(&busy));
    assert_eq!(own.action, Action::Wait, "a model amid a run cannot run another");
    let full = Device { limit: 290, ..busy };
    assert_eq!(next(&[asks(1, 2, 0.5)], &[full]).action, Action::Wait, "there is no room beside it");
}

#[test]
fn what_is_next_is_loaded_beside_a_run_in_the_place_of_what_nobody_wants() {
    let busy = Device {
        runs: vec![runs(9, 1, 10.0)],
        used: 250,
        loads_beside: true,
        ..device(250, vec![holds(1, 1), holds(2, 2)])
    };
    let decision = next(&[asks(1, 3, 20.0)], std::slice::from_ref(&busy));
    assert_eq!(decision.action, Action::Evict { device: 0, model: model(2) });
    let wanted = next(&[asks(1, 3, 20.0), asks(2, 2, 30.0)], std::slice::from_ref(&busy));
    assert_eq!(wanted.action, Action::Wait, "somebody wants it");
    let alone = Device { loads_beside: false, ..busy };
    assert_eq!(
        next(&[asks(1, 3, 20.0)], &[alone]).action,
        Action::Wait,
        "this device does one thing at once"
    );
}

#[test]
fn the_model_whose_return_costs_least_goes_and_a_pinned_one_stays() {
    let queue = [asks(1, 3, 0.1), asks(2, 1, 50.0)];
    let full = device(300, vec![holds(1, 1), holds(2, 2), Resident { pinned: true, ..holds(4, 0) }]);
    let decision = next(&queue, &[full]);
    assert_eq!(decision.action, Action::Evict { device: 0, model: model(2) }, "{}", decision.reason);
}
