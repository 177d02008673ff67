//! A voice, or several mixed: `af_heart`, or `af_heart:0.6+am_adam:0.4`.

use crate::{ErrorKind, InferenceError, Result};

/// The most voices of a mixture.
pub const MOST: usize = 8;

/// Voices with their shares.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture<'a> {
    /// Names and shares, which are above 0 and add up to 1; the first of them is never missing.
    pub parts: Vec<(&'a str, f32)>,
}

impl<'a> Mixture<'a> {
    /// Reads the name of a voice or a mixture; a voice without a number counts as 1.
    ///
    /// # Errors
    /// `InvalidRequest` for a share that is no number of 0 or more, for shares of which none is above 0, and for too
    /// many voices.
    pub fn parse(voice: &'a str) -> Result<Self> {
        let count = voice.split('+').count();
        if count > MOST {
            return Err(invalid(format!("{count} voices are mixed; at most {MOST} may be")));
        }
        let parts: Vec<(&str, f32)> = voice.split('+').map(part).collect::<Result<_>>()?;
        let sum: f32 = parts.iter().map(|(_, share)| share).sum();
        if !sum.is_finite() || sum <= 0.0 {
            let message = format!("the shares of the voices in {voice:?} add up to {sum}; give one above 0");
            return Err(invalid(message));
        }
        let shares = parts.into_iter().filter(|(_, share)| *share > 0.0);
        Ok(Self { parts: shares.map(|(name, share)| (name, share / sum)).collect() })
    }

    /// The voice with the largest share; of equal ones the first.
    pub fn main(&self) -> &'a str {
        let larger = |best: (&'a str, f32), next: &(&'a str, f32)| if next.1 > best.1 { *next } else { best };
        self.parts[1..].iter().fold(self.parts[0], larger).0
    }
}

/// The voice that decides how text is read for `voice`; itself where it is no mixture that can be read.
pub fn main(voice: &str) -> &str {
    Mixture::parse(voice).map_or(voice, |mixture| mixture.main())
}

fn part(text: &str) -> Result<(&str, f32)> {
    let (name, share) = text.split_once(':').unwrap_or((text, "1"));
    match share.trim().parse::<f32>() {
        Ok(share) if share.is_finite() && share >= 0.0 => Ok((name.trim(), share)),
        _ => Err(invalid(format!(
            "the share of {:?} is {share:?}; expected a number of 0 or more",
            name.trim()
        ))),
    }
}

fn invalid(message: String) -> InferenceError {
    InferenceError::new(ErrorKind::InvalidRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_alone_is_a_mixture_of_one() {
        assert_eq!(Mixture::parse("af_heart").unwrap().parts, [("af_heart", 1.0)]);
        assert_eq!(Mixture::parse("a:3 + b").unwrap().parts, [("a", 0.75), ("b", 0.25)]);
        assert_eq!(Mixture::parse("a:0+b:2").unwrap().parts, [("b", 1.0)]);
        assert_eq!((main("a:1+bf_emma:2"), main("a+b"), main("a:x")), ("bf_emma", "a", "a:x"));
    }

    #[test]
    fn shares_that_mean_nothing_are_refused() {
        for voice in ["a:NaN", "a:-1+b", "a:inf", "a:0", "a:0+b:0", "a:", "a:1:2", "a:x", "a:3e38+b:3e38"] {
            let error = Mixture::parse(voice).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{voice}");
        }
        assert!(Mixture::parse(&"a+".repeat(100)).unwrap_err().to_string().contains("at most 8"));
    }

    proptest! {
        #[test]
        fn shares_add_up_to_one(shares in prop::collection::vec(0.01f32..1000.0, 1..8)) {
            let text = shares.iter().map(|share| format!("v:{share}")).collect::<Vec<_>>().join("+");
            let mixture = Mixture::parse(&text).unwrap();
            let sum: f32 = mixture.parts.iter().map(|(_, share)| share).sum();
            prop_assert!((sum - 1.0).abs() < 1e-4);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            let _ = Mixture::parse(&text);
        }
    }
}
