//! Requests as they come to a simulated device.

use crate::engine::Fate;
use crate::random::Random;

/// What is asked, and what will become of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draft {
    pub(super) model: usize,
    pub(super) steps: u64,
    pub(super) peak: u64,
    /// How its run ends.
    pub(super) fate: Fate,
    /// A second attempt ends well.
    pub(super) recovers: bool,
    /// Seconds after which nobody wants it any more.
    pub(super) cancelled_after: Option<f64>,
}

/// One stream of requests.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    /// The models that it asks for.
    pub(super) models: Vec<usize>,
    /// The next one comes then, and the next after about so many seconds.
    pub(super) at: f64,
    pub(super) every: f64,
    /// How many are to come.
    pub(super) left: u64,
    /// At most so many steps, and so many bytes of peak.
    pub(super) steps: u64,
    pub(super) peak: u64,
}

/// All that comes.
#[derive(Debug, Clone)]
pub(super) struct Traffic {
    pub(super) streams: Vec<Stream>,
    pub(super) random: Random,
    /// One in so many fails in some way, and as many are cancelled; none if 0.
    pub(super) trouble: u64,
}

impl Traffic {
    pub(super) fn most_steps(&self) -> u64 {
        self.streams.iter().map(|stream| stream.steps).max().unwrap_or(0)
    }

    fn first(&self) -> Option<usize> {
        let coming = (0..self.streams.len()).filter(|n| self.streams[*n].left > 0);
        coming.min_by(|a, b| self.streams[*a].at.total_cmp(&self.streams[*b].at))
    }

    /// When the next request comes.
    pub(super) fn next_at(&self) -> Option<f64> {
        self.first().map(|stream| self.streams[stream].at)
    }

    /// The next request.
    pub(super) fn draw(&mut self) -> Draft {
        let first = self.first().expect("it was asked when");
        let (stream, random) = (&mut self.streams[first], &mut self.random);
        stream.left -= 1;
        stream.at += stream.every * random.gap();
        let is_troubled = self.trouble > 0 && random.once_in(self.trouble);
        let is_cancelled = self.trouble > 0 && random.once_in(self.trouble);
        let bad = random.pick(&[Fate::OutOfMemory, Fate::OutOfMemory, Fate::Fail, Fate::Panic]);
        Draft {
            model: random.pick(&stream.models),
            steps: 1 + random.below(stream.steps),
            peak: random.below(stream.peak + 1),
            fate: if is_troubled { bad } else { Fate::Go },
            recovers: random.once_in(2),
            cancelled_after: is_cancelled.then(|| random.below(400) as f64 / 40.0),
        }
    }

    pub(super) fn fate_of_a_load(&mut self) -> Fate {
        match self.trouble > 0 && self.random.once_in(2 * self.trouble) {
            true => self.random.pick(&[Fate::OutOfMemory, Fate::Fail, Fate::Panic]),
            false => Fate::Go,
        }
    }
}
