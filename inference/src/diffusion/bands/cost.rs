//! How many bands a chain takes, and how much memory, before it runs.

use super::Cut;
use super::attention::Attention;
use super::chain::Link;
use super::stage::Stage;

/// What a run of a chain comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cost {
    /// Bands, over all stages.
    pub(super) bands: u64,
    /// Bytes at the most: planes, keys and values, and the arrays of one band.
    pub(super) peak: u64,
}

/// Of `links` from a plane of so many channels, rows and columns.
pub(super) fn of(links: &[Link<'_>], (channels, height, width): (usize, usize, usize), cut: Cut) -> Cost {
    let mut walk = Walk { cut, channels, size: (height, width), aside: 0, cost: Cost { bands: 0, peak: 0 } };
    links.iter().for_each(|link| walk.link(link));
    // The last plane is put together beside its bands.
    walk.cost.peak = walk.cost.peak.max(2 * walk.plane());
    walk.cost
}

struct Walk {
    cut: Cut,
    channels: usize,
    size: (usize, usize),
    /// Bytes of what is set aside.
    aside: u64,
    cost: Cost,
}

impl Walk {
    fn plane(&self) -> u64 {
        4 * (self.channels * self.size.0 * self.size.1) as u64
    }

    fn link(&mut self, link: &Link<'_>) {
        let (before, aside) = (self.plane(), self.aside);
        let working = match link {
            Link::Attend(attention) => self.attend(attention),
            Link::Through(stage) | Link::Branch(stage) | Link::Join(stage) => self.stage(stage),
        };
        let after = self.plane();
        self.aside = match link {
            Link::Branch(stage) => {
                if stage.shortcut.is_some() {
                    after
                } else {
                    before
                }
            }
            _ => 0,
        };
        // The input goes as the output comes, so that the most is held at one of the ends.
        self.cost.peak = self.cost.peak.max((before + aside).max(after + self.aside) + working);
    }

    /// Bytes of its highest band, with a row beyond on either side, and of a band of input that is not let go of yet.
    fn stage(&mut self, stage: &Stage<'_>) -> u64 {
        let bands = stage.bands(self.size, self.cut);
        let most = bands.iter().map(|units| units.len() as u64).max().unwrap_or(0);
        let working = (most + 2) * stage.unit_takes(self.size.1);
        self.cost.bands += bands.len() as u64;
        (self.size, self.channels) = (stage.makes(self.size), stage.conv.1.to);
        working
    }

    fn attend(&mut self, attention: &Attention<'_>) -> u64 {
        let bands = attention.bands(self.size, self.cut);
        let most = bands.iter().map(|rows| rows.len() as u64).max().unwrap_or(0);
        self.cost.bands += 2 * bands.len() as u64;
        // Keys and values, and as operators turn them.
        4 * self.plane() + most * attention.row_takes(self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diffusion::bands::{BAND, chain};
    use crate::diffusion::vae::VaeConfig;
    use reelsmith_graph::Weights;

    fn sdxl(side: usize, cut: Cut) -> Cost {
        let (config, weights) = (VaeConfig::sdxl(), Weights::default());
        of(&chain::decoder(&config, &weights), (4, side / 8, side / 8), cut)
    }

    #[test]
    fn a_large_picture_takes_two_of_its_finest_planes_and_a_band() {
        for side in [1024, 1536, 2048] {
            let planes = 2 * 4 * 128 * (side * side) as u64;
            let peak = sdxl(side, Cut::Bytes(BAND)).peak;
            assert!(peak >= planes && peak <= planes + BAND + BAND / 2, "{side}: {peak}");
        }
    }

    #[test]
    fn lower_bands_take_less_and_are_more() {
        let (low, high) = (sdxl(512, Cut::Bytes(BAND / 8)), sdxl(512, Cut::Bytes(BAND)));
        assert!(low.bands > 2 * high.bands && low.peak < high.peak, "{low:?} {high:?}");
        // 2 convolutions without a norm, 14 blocks of two stages, the attention's two, 3 enlargements.
        assert_eq!(sdxl(512, Cut::Rows(4096)).bands, 2 + 2 * 14 + 2 + 3);
    }
}
