//! What the tests of type and pictures share: the bundled fonts, frames to draw on, blending.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use std::path::PathBuf;

use reelsmith_media::overlay::Overlay;
use reelsmith_media::picture::Picture;
use reelsmith_media::typeset::Fonts;

/// The bundled font files: catalogue entry and file.
const FONTS: [(&str, &str); 7] = [
    ("font-anton", "Anton_400Regular.ttf"),
    ("font-bricolage-grotesque", "BricolageGrotesque_800ExtraBold.ttf"),
    ("font-dm-serif-display", "DMSerifDisplay_400Regular.ttf"),
    ("font-inter", "Inter_700Bold.ttf"),
    ("font-montserrat", "Montserrat_800ExtraBold.ttf"),
    ("font-poppins", "Poppins_800ExtraBold.ttf"),
    ("font-space-grotesk", "SpaceGrotesk_700Bold.ttf"),
];

/// Where `make setup` puts models by default.
fn models() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let home = std::env::home_dir().expect("a home directory");
    cache.unwrap_or_else(|| home.join(".cache")).join("reelsmith/models")
}

/// The bundled font files.
pub fn font_files() -> Vec<PathBuf> {
    FONTS.iter().map(|(id, file)| models().join(id).join(file)).collect()
}

/// The bundled fonts; they must have been fetched.
pub fn fonts() -> Fonts {
    Fonts::load(&font_files())
        .unwrap_or_else(|e| panic!("{e}\nthe tests need the bundled fonts: run `make setup`"))
}

/// A picture of one colour.
pub fn plain(width: u32, height: u32, rgb: [u8; 3]) -> Picture {
    Picture { width, height, rgb: rgb.repeat((width * height) as usize) }
}

/// The picture with an overlay blended over it, as a viewer sees it after decoding.
pub fn blend(under: &Picture, overlay: &Overlay) -> Picture {
    let mut out = under.clone();
    for y in 0..overlay.height {
        for x in 0..overlay.width {
            let (fx, fy) = (overlay.x + x, overlay.y + y);
            let at = (fy * under.width as usize + fx) * 3;
            let yuv = to_yuv([out.rgb[at], out.rgb[at + 1], out.rgb[at + 2]]);
            let (i, c) = (y * overlay.width + x, (y / 2) * (overlay.width / 2) + x / 2);
            let over =
                |src: u8, dst: f32, alpha: u8| f32::from(src) + dst * (255.0 - f32::from(alpha)) / 255.0;
            let mixed = [
                over(overlay.luma[i], yuv[0], overlay.alpha[i]),
                over(overlay.cb[c], yuv[1], overlay.chroma_alpha[c]),
                over(overlay.cr[c], yuv[2], overlay.chroma_alpha[c]),
            ];
            out.rgb[at..at + 3].copy_from_slice(&to_rgb(mixed));
        }
    }
    out
}

fn to_yuv([r, g, b]: [u8; 3]) -> [f32; 3] {
    let (r, g, b) = (f32::from(r) / 255.0, f32::from(g) / 255.0, f32::from(b) / 255.0);
    let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    [16.0 + 219.0 * y, 128.0 + 224.0 * (b - y) / 1.8556, 128.0 + 224.0 * (r - y) / 1.5748]
}

fn to_rgb([y, cb, cr]: [f32; 3]) -> [u8; 3] {
    let (y, cb, cr) = ((y - 16.0) / 219.0, (cb - 128.0) / 224.0 * 1.8556, (cr - 128.0) / 224.0 * 1.5748);
    let (r, b) = (y + cr, y + cb);
    let g = (y - 0.2126 * r - 0.0722 * b) / 0.7152;
    [r, g, b].map(|c| (c.clamp(0.0, 1.0) * 255.0).round() as u8)
}
