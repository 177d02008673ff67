//! Colours as people write them (`#rrggbb`), as screens mix them (linear light) and as eyes
//! compare them (OKLab; WCAG contrast).

use serde::{Deserialize, Serialize};

use crate::{ErrorKind, MediaError, Result};

/// An 8-bit sRGB colour, written `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rgb(pub [u8; 3]);

impl Rgb {
    /// White.
    pub const WHITE: Rgb = Rgb([255, 255, 255]);
    /// Black.
    pub const BLACK: Rgb = Rgb([0, 0, 0]);

    /// From `0xrrggbb`.
    pub const fn hex(value: u32) -> Rgb {
        Rgb([(value >> 16) as u8, (value >> 8) as u8, value as u8])
    }

    /// Linear-light red, green and blue, 0 to 1.
    pub fn linear(self) -> [f32; 3] {
        self.0.map(|c| to_linear(f32::from(c) / 255.0))
    }

    /// OKLab lightness, a and b (Ottosson, "A perceptual color space for image processing").
    pub fn oklab(self) -> [f32; 3] {
        linear_to_oklab(self.linear())
    }

    /// Relative luminance, 0 (black) to 1 (white), as WCAG 2.2 defines it.
    pub fn luminance(self) -> f32 {
        luminance(self.linear())
    }

    /// WCAG 2.2 contrast ratio with another colour, 1 to 21.
    pub fn contrast(self, other: Rgb) -> f32 {
        contrast(self.luminance(), other.luminance())
    }

    /// The nearest 8-bit colour to linear-light values; values outside 0 to 1 are clipped.
    pub fn from_linear(rgb: [f32; 3]) -> Rgb {
        Rgb(rgb.map(|c| (to_srgb(c.clamp(0.0, 1.0)) * 255.0 + 0.5) as u8))
    }

    /// The colour `t` of the way (0 to 1) to another, through OKLab.
    pub fn mix(self, other: Rgb, t: f32) -> Rgb {
        let (a, b) = (self.oklab(), other.oklab());
        Rgb::from_linear(oklab_to_linear([0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * t)))
    }
}

impl TryFrom<String> for Rgb {
    type Error = MediaError;

    fn try_from(text: String) -> Result<Rgb> {
        let digits = text.strip_prefix('#').unwrap_or(&text);
        match u32::from_str_radix(digits, 16) {
            Ok(value) if digits.len() == 6 => Ok(Rgb::hex(value)),
            _ => Err(MediaError::new(
                ErrorKind::InvalidInput,
                format!("`{text}` is not a colour; write it as #rrggbb, for example #ffd23f"),
            )),
        }
    }
}

impl From<Rgb> for String {
    fn from(colour: Rgb) -> String {
        let [r, g, b] = colour.0;
        format!("#{r:02x}{g:02x}{b:02x}")
    }
}

/// Contrast ratio of two relative luminances, 1 to 21 (WCAG 2.2, "contrast ratio").
pub fn contrast(a: f32, b: f32) -> f32 {
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// Relative luminance of linear-light red, green and blue.
pub fn luminance(rgb: [f32; 3]) -> f32 {
    0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2]
}

/// sRGB transfer function, encoded to linear (IEC 61966-2-1).
pub fn to_linear(c: f32) -> f32 {
    if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
}

/// sRGB transfer function, linear to encoded (IEC 61966-2-1).
pub fn to_srgb(c: f32) -> f32 {
    if c <= 0.003_130_8 { c * 12.92 } else { 1.055 * c.powf(1.0 / 2.4) - 0.055 }
}

/// OKLab of linear-light sRGB; matrices from Ottosson's reference code.
pub fn linear_to_oklab([r, g, b]: [f32; 3]) -> [f32; 3] {
    let l = (0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

/// Linear-light sRGB of OKLab; may lie outside 0 to 1. The inverse of [`linear_to_oklab`].
pub fn oklab_to_linear([lightness, a, b]: [f32; 3]) -> [f32; 3] {
    let l = (lightness + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
    let m = (lightness - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
    let s = (lightness - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
    [
        4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s,
        -1.268_438 * l + 2.609_757_4 * m - 0.341_319_38 * s,
        -0.004_196_086_3 * l - 0.703_418_6 * m + 1.707_614_7 * s,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_and_written_as_people_write_them() {
        let colour = Rgb::try_from("#ffd23f".to_string()).expect("a colour");
        assert_eq!(colour, Rgb([255, 210, 63]));
        assert_eq!(String::from(colour), "#ffd23f");
        let error = Rgb::try_from("yellow".to_string()).expect_err("not a colour");
        assert!(error.to_string().contains("#rrggbb"), "{error}");
    }

    #[test]
    fn every_grey_and_corner_survives_oklab() {
        for value in [0x000000, 0xffffff, 0xff0000, 0x00ff00, 0x0000ff, 0x7f7f7f, 0x123456] {
            let colour = Rgb::hex(value);
            assert_eq!(Rgb::from_linear(oklab_to_linear(colour.oklab())), colour);
        }
    }

    #[test]
    fn contrast_has_its_known_extremes() {
        assert!((Rgb::BLACK.contrast(Rgb::WHITE) - 21.0).abs() < 1e-3);
        // WCAG's own border case: #767676 on white is the darkest grey of 4.5:1.
        assert!((Rgb::hex(0x767676).contrast(Rgb::WHITE) - 4.54).abs() < 0.01);
    }
}
