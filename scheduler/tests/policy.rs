//! The decision and the ledger, as functions: properties over random queues and devices.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use reelsmith_inference_core::{Footprint, ModelId};
use reelsmith_scheduler::ledger::{Ledger, LedgerError};
use reelsmith_scheduler::policy::{self, Action, Device, Reason, Resident, Waiting};

fn model(n: u8) -> ModelId {
    ModelId(format!("model-{n}"))
}

fn waiting() -> impl Strategy<Value = Vec<Waiting>> {
    let one = (0u8..6, 0u64..700, 0u64..700);
    proptest::collection::vec(one, 0..8).prop_map(|all| {
        let number = |(id, (n, weights, peak_activation))| Waiting {
            id: id as u64 + 1,
            model: model(n),
            needs: Footprint { weights, peak_activation },
        };
        all.into_iter().enumerate().map(number).collect()
    })
}

/// A device whose residents fit, perhaps with one of them at work.
fn device() -> impl Strategy<Value = Device> {
    let residents = proptest::sample::subsequence((0u8..6).collect::<Vec<_>>(), 0..6);
    (
        residents,
        proptest::collection::vec((0u64..300, 0u64..100), 6),
        0u64..400,
        any::<Option<proptest::sample::Index>>(),
    )
        .prop_map(|(held, sizes, spare, active)| {
            let resident = |n: &u8| Resident {
                model: model(*n),
                bytes: sizes[*n as usize].0,
                last_used: sizes[*n as usize].1,
            };
            let residents: Vec<Resident> = held.iter().map(resident).collect();
            let active = active.filter(|_| !residents.is_empty()).map(|at| at.get(&residents).model.clone());
            let used = residents.iter().map(|resident| resident.bytes).sum();
            Device { limit: used + spare, used, residents, active }
        })
}

/// Carries a decision out on the view, as the device's thread would on the device.
fn carry_out(action: &Action, queue: &mut Vec<Waiting>, devices: &mut [Device]) {
    match action {
        Action::Wait => {}
        Action::Reject { request } => queue.retain(|waiting| waiting.id != *request),
        Action::Evict { device, model } => {
            let device = &mut devices[*device];
            let at =
                device.residents.iter().position(|resident| resident.model == *model).expect("it is loaded");
            device.used -= device.residents.remove(at).bytes;
        }
        Action::Load { device, request } => {
            let waiting = queue.iter().find(|waiting| waiting.id == *request).unwrap();
            let (model, bytes) = (waiting.model.clone(), waiting.needs.weights);
            devices[*device].used += bytes;
            devices[*device].residents.push(Resident { model, bytes, last_used: 1000 });
        }
        Action::Run { device, request } => {
            let at = queue.iter().position(|waiting| waiting.id == *request).unwrap();
            devices[*device].active = Some(queue.remove(at).model);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn decisions_are_possible_and_come_to_an_end(mut queue in waiting(), mut devices in proptest::collection::vec(device(), 1..4)) {
        let effects = 1 + queue.len() * (2 + devices.iter().map(|device| device.residents.len() + 8).sum::<usize>());
        for _ in 0..effects {
            let decision = policy::next(&queue, &devices);
            prop_assert_eq!(&decision, &policy::next(&queue, &devices), "the same question, the same answer");
            match &decision.action {
                Action::Wait => {
                    let Some(first) = queue.first() else {
                        prop_assert_eq!(decision.reason, Reason::NothingWaits);
                        return Ok(());
                    };
                    prop_assert_eq!(decision.reason, Reason::DevicesBusy);
                    let idle = devices.iter().any(|device| device.active.is_none() && first.needs.total() <= device.limit);
                    prop_assert!(!idle, "an idle device was left idle");
                    return Ok(());
                }
                Action::Reject { request } => {
                    let needed = queue.iter().find(|waiting| waiting.id == *request).unwrap().needs.total();
                    prop_assert!(devices.iter().all(|device| device.limit < needed));
                }
                Action::Evict { device, model } => {
                    let device = &devices[*device];
                    let first = &queue[0].model;
                    prop_assert!(device.active.is_none(), "a busy device was touched");
                    prop_assert!(model != first, "the model that is wanted was evicted");
                    let others = device.residents.iter().filter(|resident| resident.model != *first);
                    let oldest = others.map(|resident| resident.last_used).min().unwrap();
                    prop_assert!(device.residents.iter().any(|r| r.model == *model && r.last_used == oldest));
                    let held = device.residents.iter().find(|resident| resident.model == *first).map_or(0, |r| r.bytes);
                    let missing = queue[0].needs.total().saturating_sub(held);
                    prop_assert!(missing > device.limit - device.used, "there was room");
                }
                Action::Load { device, request } => {
                    prop_assert_eq!(*request, queue[0].id, "first come, first served");
                    let (device, first) = (&devices[*device], &queue[0]);
                    prop_assert!(device.active.is_none());
                    prop_assert!(device.residents.iter().all(|resident| resident.model != first.model));
                    prop_assert!(first.needs.total() <= device.limit - device.used);
                }
                Action::Run { device, request } => {
                    prop_assert_eq!(*request, queue[0].id, "first come, first served");
                    let device = &devices[*device];
                    prop_assert!(device.active.is_none());
                    let held = device.residents.iter().find(|resident| resident.model == queue[0].model).expect("loaded").bytes;
                    prop_assert!(device.used + queue[0].needs.total().saturating_sub(held) <= device.limit);
                }
            }
            carry_out(&decision.action, &mut queue, &mut devices);
        }
        prop_assert!(false, "no end after {} effects", effects);
    }

    #[test]
    fn the_ledger_never_exceeds_its_limit(limit in 0u64..1000, entries in proptest::collection::vec((0u8..5, 0u8..4, 0u64..600), 0..200)) {
        let mut ledger = Ledger::new(limit);
        for (what, n, bytes) in entries {
            let before = (ledger.used(), ledger.free(), ledger.active().cloned());
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
                    prop_assert_eq!((ledger.used(), ledger.free(), ledger.active().cloned()), before.clone(), "a refusal changed something");
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

#[test]
fn a_device_that_holds_the_model_is_preferred_to_one_with_more_room() {
    let resident = Resident { model: model(1), bytes: 100, last_used: 1 };
    let holder = Device { limit: 200, used: 100, residents: vec![resident], active: None };
    let empty = Device { limit: 1000, used: 0, residents: vec![], active: None };
    let queue = [Waiting { id: 7, model: model(1), needs: Footprint { weights: 100, peak_activation: 50 } }];
    let decision = policy::next(&queue, &[empty.clone(), holder.clone()]);
    assert_eq!(decision.action, Action::Run { device: 1, request: 7 });
    let busy = Device { active: Some(model(1)), ..holder };
    let decision = policy::next(&queue, &[empty, busy]);
    assert_eq!(decision.action, Action::Load { device: 0, request: 7 });
}
