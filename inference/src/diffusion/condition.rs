//! Numbers that networks are told as features: noise levels and sizes.

/// `width` features of `value`: cosines, then sines, of frequencies from 1 to 1/10000 (Vaswani et al., 2017; in the
/// order of diffusers' `get_timestep_embedding` with `flip_sin_to_cos` and no `freq_shift`, in f32 as there).
pub fn sinusoids(value: f32, width: usize) -> Vec<f32> {
    let half = width / 2;
    let angle = |n: usize| {
        let exponent = -(10_000f64.ln() as f32) * n as f32 / half as f32;
        value * exponent.exp()
    };
    (0..half).map(|n| angle(n).cos()).chain((0..half).map(|n| angle(n).sin())).collect()
}
