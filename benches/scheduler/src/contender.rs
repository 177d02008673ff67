//! Who is compared: our policy, and the rules of others as policies over the same view.

use reelsmith_inference_core::ModelId;
use reelsmith_scheduler::policy::{self, Action, Decision, Device, Reason, Resident, View, Waiting};

/// A rule for what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contender {
    /// Ours, on a device that loads a model while it computes.
    Reelsmith,
    /// Ours, on a device that does one thing at once, as the product's does today.
    OneAtOnce,
    /// In order of arrival; at most so many models, the least recently used goes (llama.cpp's router with
    /// `--models-max`, LocalAI's `max-active-backends`). Bytes are not looked at.
    CountedLru(usize),
    /// In order of arrival; to make room, the idle model with the shortest keep-alive goes, with equal ones the first by
    /// name (Ollama, `server/sched.go`, `ByDurationAndName`).
    Ollama,
    /// In order of arrival; by bytes, the least recently used goes.
    BytesLru,
    /// What asks for a loaded model first, else in order of arrival; by bytes, the least recently used goes.
    Batching,
}

impl Contender {
    /// As tables name it.
    pub fn name(self) -> String {
        match self {
            Self::Reelsmith => "Reelsmith, loading ahead".into(),
            Self::OneAtOnce => "Reelsmith".into(),
            Self::CountedLru(most) => format!("in order, LRU of {most} models"),
            Self::Ollama => "in order, Ollama's eviction".into(),
            Self::BytesLru => "in order, LRU by bytes".into(),
            Self::Batching => "loaded models first, LRU by bytes".into(),
        }
    }

    /// Whether it loads a model while another runs.
    pub fn loads_beside(self) -> bool {
        self == Self::Reelsmith
    }

    /// What to do next on the only device.
    pub fn next(self, view: &View<'_>) -> Decision {
        if matches!(self, Self::Reelsmith | Self::OneAtOnce) {
            return policy::next(view);
        }
        let device = &view.devices[0];
        let is_busy = !device.runs.is_empty() || device.loading.is_some();
        let loaded = |waiting: &&Waiting| is_loaded(device, &waiting.model);
        let first = match self {
            Self::Batching => view.queue.iter().find(loaded).or(view.queue.first()),
            _ => view.queue.first(),
        };
        match first {
            Some(waiting) if !is_busy => self.advance(device, waiting),
            _ => Decision { action: Action::Wait, reason: Reason::DevicesBusy },
        }
    }

    fn advance(self, device: &Device, waiting: &Waiting) -> Decision {
        let held = device.residents.iter().find(|resident| resident.model == waiting.model);
        let missing = waiting.needs.total().saturating_sub(held.map_or(0, |resident| resident.bytes));
        let free = device.limit.saturating_sub(device.used);
        let lacks = match self {
            Self::CountedLru(most) => held.is_none() && device.residents.len() >= most,
            _ => missing > free,
        };
        let others = device.residents.iter().filter(|resident| resident.model != waiting.model);
        let action = match (lacks, self.victim(others), held) {
            (true, Some(victim), _) => Action::Evict { device: 0, model: victim.model.clone() },
            (_, _, None) => Action::Load { device: 0, request: waiting.id },
            (_, _, Some(_)) => Action::Run { device: 0, request: waiting.id },
        };
        Decision { action, reason: Reason::MakeRoom { missing, free } }
    }

    fn victim<'a>(self, others: impl Iterator<Item = &'a Resident>) -> Option<&'a Resident> {
        match self {
            Self::Ollama => others.min_by_key(|resident| &resident.model),
            _ => others.min_by_key(|resident| resident.last_used),
        }
    }
}

fn is_loaded(device: &Device, model: &ModelId) -> bool {
    device.residents.iter().any(|resident| resident.model == *model)
}
