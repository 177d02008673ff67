//! Statistics of groups, band by band, and what normalisation makes of them.

use crate::operators::group_norm::moments;
use reelsmith_graph::Layer;
use reelsmith_inference_core::Result;

/// Of some numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Moments {
    count: f64,
    mean: f64,
    /// Sum of the squared distances from the mean.
    squares: f64,
}

impl Moments {
    pub(super) fn of(numbers: &[f32]) -> Self {
        let (mean, variance) = moments(numbers);
        let count = numbers.len() as f64;
        Self { count, mean, squares: variance * count }
    }

    /// Of these numbers and `others` together (Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for
    /// Computing Sample Variances", 1979).
    pub(super) fn and(self, others: Self) -> Self {
        if others.count == 0.0 {
            return self;
        }
        let count = self.count + others.count;
        let distance = others.mean - self.mean;
        Self {
            count,
            mean: self.mean + distance * others.count / count,
            squares: self.squares + others.squares + distance * distance * self.count * others.count / count,
        }
    }

    pub(super) fn is_finite(self) -> bool {
        self.mean.is_finite() && self.squares.is_finite()
    }

    fn variance(self) -> f64 {
        self.squares / self.count.max(1.0)
    }
}

/// What [`normalised`](reelsmith_graph::nn::normalised) takes, a number for each channel.
pub(super) struct Affine {
    /// (C, 1, 1).
    pub(super) shape: [usize; 3],
    pub(super) centre: Vec<f32>,
    pub(super) slope: Vec<f32>,
    pub(super) shift: Vec<f32>,
}

impl Affine {
    /// Of `channels` channels in groups of these `moments`, to the normalisation `layer`.
    ///
    /// # Errors
    /// `ModelCorrupt` if the layer's tensors are missing or of another shape.
    pub(super) fn of(layer: &Layer<'_>, channels: usize, moments: &[Moments], epsilon: f32) -> Result<Self> {
        let scale = layer.tensor("weight", &[channels])?.0.numbers()?;
        let bias = layer.tensor("bias", &[channels])?.0.numbers()?;
        let each = channels / moments.len();
        let shape = [channels, 1, 1];
        let mut made = Self { shape, centre: Vec::new(), slope: Vec::new(), shift: Vec::new() };
        for (n, (scale, bias)) in scale.iter().zip(&bias).enumerate() {
            let group = moments[n / each];
            let centre = group.mean as f32;
            let slope = f64::from(*scale) / (group.variance() + f64::from(epsilon)).sqrt();
            made.centre.push(centre);
            made.slope.push(slope as f32);
            // What the mean lost as it became f32.
            made.shift.push((f64::from(*bias) + slope * (f64::from(centre) - group.mean)) as f32);
        }
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn statistics_of_parts_merge_to_those_of_the_whole(
            x in prop::collection::vec(-1f32..1.0, 2..12_000), mean in -300f32..300.0, spread in 0.1f32..50.0,
            mut cuts in prop::collection::vec(0.0f64..1.0, 0..7),
        ) {
            let x: Vec<f32> = x.iter().map(|x| x * spread + mean).collect();
            cuts.sort_by(f64::total_cmp);
            let (mut all, mut from) = (Moments::default(), 0);
            for to in cuts.iter().map(|cut| (cut * x.len() as f64) as usize).chain([x.len()]) {
                all = all.and(Moments::of(&x[from..to]));
                from = to;
            }
            let count = x.len() as f64;
            let exact = x.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
            let variance = x.iter().map(|x| (f64::from(*x) - exact).powi(2)).sum::<f64>() / count;
            prop_assert_eq!(all.count, count);
            let largest = f64::from(mean.abs() + spread);
            prop_assert!((all.mean - exact).abs() <= 1e-6 * largest, "{} for {exact}", all.mean);
            prop_assert!((all.variance() - variance).abs() <= 1e-5 * variance + 1e-9, "{} for {variance}", all.variance());
        }
    }

    #[test]
    fn one_number_that_is_none_spoils_the_merged_statistics() {
        let good = Moments::of(&[1.0, 2.0, 3.0]);
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(!good.and(Moments::of(&[0.0, bad])).and(good).is_finite(), "{bad}");
        }
        assert!(good.and(Moments::default()).and(good).is_finite());
    }
}
