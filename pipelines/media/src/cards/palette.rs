//! Curated palettes: every card of one video draws its colours from one of these.

use super::canvas::{Light, Ramp};
use crate::Result;
use crate::typeset::colour::Rgb;
use crate::typeset::names;

/// Colours that belong together, by role.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Palette {
    pub name: &'static str,
    /// The backdrop, from the top down.
    pub sky: [Rgb; 3],
    /// Layers of scenery, from far to near.
    pub layers: [Rgb; 4],
    /// The hot colour: what the eye should find.
    pub accent: Rgb,
    /// A second colour that answers the accent.
    pub accent2: Rgb,
    /// The brightest tone: moon, sun, paper.
    pub light: Rgb,
    /// Titles.
    pub ink: Rgb,
    /// Shadows, and the scrim behind a title.
    pub deep: Rgb,
    /// Title face that suits the mood.
    pub face: &'static str,
    /// Words that call for this palette.
    calls: &'static str,
}

impl Palette {
    /// Whether titles are light on dark.
    pub(crate) fn is_dark(&self) -> bool {
        self.ink.luminance() > 0.5
    }

    /// The backdrop as a gradient.
    pub(crate) fn sky_ramp(&self) -> Ramp {
        Ramp::at_places(&[(0.0, self.sky[0]), (0.5, self.sky[1]), (1.0, self.sky[2])])
    }

    /// The scenery as a gradient, far to near.
    pub(crate) fn layer_ramp(&self) -> Ramp {
        Ramp::new(&self.layers)
    }

    /// Points of light on a dark backdrop, of ink on a light one.
    pub(crate) fn spark(&self) -> Light {
        if self.is_dark() { self.light.linear() } else { self.layers[2].linear() }
    }
}

const fn c(value: u32) -> Rgb {
    Rgb::hex(value)
}

const fn palette(
    (name, face, calls): (&'static str, &'static str, &'static str),
    sky: [u32; 3],
    layers: [u32; 4],
    [accent, accent2, light, ink, deep]: [u32; 5],
) -> Palette {
    Palette {
        name,
        sky: [c(sky[0]), c(sky[1]), c(sky[2])],
        layers: [c(layers[0]), c(layers[1]), c(layers[2]), c(layers[3])],
        accent: c(accent),
        accent2: c(accent2),
        light: c(light),
        ink: c(ink),
        deep: c(deep),
        face,
        calls,
    }
}

/// All palettes.
pub(crate) static PALETTES: [Palette; 10] = [
    palette(
        (
            "midnight",
            "Bricolage Grotesque",
            "moon space star planet night orbit galaxy universe astronaut sky dream sleep",
        ),
        [0x060a22, 0x1a1f63, 0x6b42a8],
        [0x6a59b8, 0x433c92, 0x272266, 0x120f3a],
        [0xffc857, 0xff6f9c, 0xfff1d2, 0xfff8ea, 0x050617],
    ),
    palette(
        (
            "ember",
            "Anton",
            "fire war volcano heat history battle revolution empire anger blood energy power engine lava",
        ),
        [0x18060f, 0x5c1230, 0xea5b2d],
        [0xc5473f, 0x86203b, 0x4d1031, 0x230819],
        [0xffb627, 0xff6f61, 0xffe6bb, 0xfff3e0, 0x12040b],
    ),
    palette(
        (
            "aurora",
            "Space Grotesk",
            "technology ai data computer code robot internet science algorithm brain future software network",
        ),
        [0x03121d, 0x073f50, 0x12a99c],
        [0x2bb3a0, 0x14787a, 0x0b4d57, 0x052b36],
        [0xc4f55a, 0x8b6cff, 0xeafff5, 0xf2fff9, 0x020c13],
    ),
    palette(
        (
            "abyss",
            "Bricolage Grotesque",
            "sea ocean water tide wave fish whale river rain ship ice swim boat island",
        ),
        [0x020a1e, 0x07336f, 0x128fcd],
        [0x3db0e4, 0x187bc0, 0x0d4f92, 0x062c5e],
        [0xff9466, 0x5ef2e2, 0xe8fbff, 0xf3fcff, 0x010716],
    ),
    palette(
        (
            "dusk",
            "DM Serif Display",
            "love people heart friend family memory story evening music poem romance city travel home",
        ),
        [0x1a0f36, 0x6d2e7d, 0xff8f6b],
        [0xd0608f, 0x923d88, 0x572b74, 0x2b184b],
        [0xffd166, 0xff5d8f, 0xfff1de, 0xfff6ea, 0x120a28],
    ),
    palette(
        (
            "forest",
            "DM Serif Display",
            "forest tree plant nature animal garden food leaf earth green farm bird health climate soil",
        ),
        [0x05130e, 0x0f3f2f, 0x62ab7a],
        [0x58a474, 0x2f7a55, 0x18533c, 0x0a3024],
        [0xf7c64f, 0xef7b50, 0xfcf7dc, 0xfbfaee, 0x030d09],
    ),
    palette(
        (
            "noir",
            "Space Grotesk",
            "money business crime law market work design stock company economy mystery secret minimal",
        ),
        [0x07080b, 0x171a22, 0x3c4352],
        [0x515969, 0x333945, 0x1f242d, 0x0f1217],
        [0xe6ff45, 0xff5247, 0xf5f6f8, 0xffffff, 0x040507],
    ),
    palette(
        (
            "candy",
            "Bricolage Grotesque",
            "fun game party pop color colour play sweet toy festival joke cat kids laugh",
        ),
        [0x280744, 0x8429d6, 0xff62a5],
        [0xfb6db6, 0xbd43d6, 0x742abb, 0x3d1682],
        [0x5cf0ff, 0xffe14d, 0xfff1fb, 0xffffff, 0x1a0430],
    ),
    palette(
        (
            "sand",
            "DM Serif Display",
            "desert egypt ancient pyramid clay pottery craft coffee bread roman greek map archaeology",
        ),
        [0xfbf0dc, 0xf7d8ab, 0xf0a674],
        [0xeba573, 0xd17650, 0x9d4b3d, 0x5e2b2d],
        [0xc93a28, 0x1c6a74, 0xfffaf0, 0x2b1712, 0x3a1d16],
    ),
    palette(
        (
            "paper",
            "Bricolage Grotesque",
            "book school paper education language write study lesson reading tutorial tips howto",
        ),
        [0xf8f6f0, 0xe7e6f2, 0xb5c2e8],
        [0xacbae5, 0x7d8ecf, 0x4f60aa, 0x2b3672],
        [0xe5401d, 0xffb020, 0xffffff, 0x14172b, 0x1d2347],
    ),
];

/// The palette of that name; an error lists near matches.
pub(crate) fn by_name(name: &str) -> Result<&'static Palette> {
    let known: Vec<&str> = PALETTES.iter().map(|p| p.name).collect();
    Ok(&PALETTES[names::find("palette", name, &known)?])
}

/// The palette that a text calls for by its words; without any, one of the dark ones by seed.
pub(crate) fn for_text(text: &str, seed: u64) -> &'static Palette {
    let words = super::words::of(text);
    let score =
        |p: &Palette| words.iter().filter(|word| p.calls.split(' ').any(|call| call == *word)).count();
    let best = PALETTES.iter().map(score).max().unwrap_or(0);
    if best > 0 {
        return PALETTES.iter().find(|p| score(p) == best).expect("the best score is one of these");
    }
    let dark: Vec<&Palette> = PALETTES.iter().filter(|p| p.is_dark()).collect();
    dark[(super::noise::seed_of(seed, "palette") % dark.len() as u64) as usize]
}
