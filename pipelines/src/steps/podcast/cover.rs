//! Step `cover`: the given picture as a square, or a designed one with the title.

use crate::engine::{Kept, StepContext, StepOutput};
use crate::error::Result;
use crate::report::{PictureFact, PictureMaker};
use crate::runner::Parts;
use crate::spec::Podcast;
use crate::steps::{facts, recipe};
use reelsmith_media::ErrorKind as MediaKind;
use reelsmith_media::cards::{CardSpec, CardStyle, background, plan};
use reelsmith_media::cover::cover;
use reelsmith_media::picture::{self, Picture};
use reelsmith_media::probe::Check;
use reelsmith_media::thumbnail::write_jpeg_under;
use reelsmith_media::typeset::Fonts;
use reelsmith_storage::Digest;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::{Path, PathBuf};

const VERSION: u32 = 2;
/// Pixels a side: the most that Apple Podcasts takes ("Show cover": 1400 to 3000).
const SIDE: u32 = 3000;
/// Pixels a side of the copy that goes into the sound file, which every listener loads with it.
const SMALL_SIDE: u32 = 1400;
/// Pixels a side of either at least, where noise takes more bytes than there are: half a screen.
const LEAST_SIDE: u32 = 500;
/// Bytes of the cover and of its copy at most.
const BYTES: u64 = 4 << 20;
const SMALL_BYTES: u64 = 500_000;
/// Characters of the script that decide palette and motif.
const READ_CHARS: usize = 4000;

/// The cover's name in the job.
pub(super) const COVER: &str = "cover.jpg";
/// The copy's name in the job.
pub(super) const SMALL: &str = "cover-small.jpg";

/// What the report says of the cover.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct CoverFact {
    pub(super) picture: PictureFact,
    pub(super) side: u32,
    /// How well a designed cover's words read.
    pub(super) checks: Vec<Check>,
}

/// Draws the cover.
///
/// Outputs: `cover.jpg` of 3000 x 3000 pixels and `cover-small.jpg` of 1400 x 1400, or fewer where a JPEG of so many
/// does not fit. Detail: [`CoverFact`].
///
/// # Errors
/// `Verification` if what was drawn cannot be read.
pub(crate) async fn run(parts: &Parts, podcast: &Podcast, context: &StepContext) -> Result<StepOutput> {
    context.progress(0, 1, "pictures")?;
    let given = match &podcast.cover {
        Some(given) => Some(context.fetch(&given.sha256.parse::<Digest>()?, "given").await?),
        None => None,
    };
    let (large, small) = (context.dir().join(COVER), context.dir().join(SMALL));
    let (of, fonts, paths) = (podcast.clone(), parts.fonts.clone(), (large.clone(), small.clone()));
    let drawn = context.blocking(move || draw(&of, given, &fonts, paths)).await?;
    // Before anything is spoken.
    facts::hold(&drawn.checks)?;
    let parameters = json!({
        "given": podcast.cover, "title": podcast.title, "show": podcast.show, "author": podcast.author,
        "palette": drawn.palette, "motif": drawn.motif, "seed": podcast.seed, "side": SIDE,
    });
    let recipe = recipe("cover", VERSION, &[], parameters);
    let kept = |name: &str| Kept { name: name.into(), media_type: "image/jpeg", recipe: &recipe };
    let large = context.keep_file(&large, kept(COVER)).await?;
    let small = context.keep_file(&small, kept(SMALL)).await?;
    let (source, why) = match &podcast.cover {
        Some(given) => (PictureMaker::Given, format!("`{}` is named as the cover", given.name)),
        None => (PictureMaker::Card, "no cover is named".to_owned()),
    };
    let sha256 = large.digest.to_string();
    let picture = PictureFact { source, why, sha256, motif: drawn.motif, recipe: None };
    let fact = CoverFact { picture, side: drawn.side, checks: drawn.checks };
    let detail = serde_json::to_value(fact).expect("texts and numbers are always JSON");
    Ok(StepOutput { artifacts: vec![large, small], detail })
}

/// What was drawn.
struct Drawn {
    /// Pixels a side of the cover.
    side: u32,
    motif: Option<String>,
    palette: Option<String>,
    checks: Vec<Check>,
}

fn draw(
    podcast: &Podcast,
    given: Option<PathBuf>,
    fonts: &[PathBuf],
    (large, small): (PathBuf, PathBuf),
) -> Result<Drawn> {
    let (picture, drawn) = match given {
        Some(path) => (
            picture::load(&path)?.cover(SIDE, SIDE),
            Drawn { side: SIDE, motif: None, palette: None, checks: Vec::new() },
        ),
        None => design(podcast, fonts)?,
    };
    let side = write(&picture, SIDE, BYTES, &large)?;
    write(&picture, SMALL_SIDE, SMALL_BYTES, &small)?;
    Ok(Drawn { side, ..drawn })
}

/// Writes the square `picture` with sides of `most` pixels, or of as many as fit in `bytes`; answers how many.
fn write(picture: &Picture, most: u32, bytes: u64, path: &Path) -> Result<u32> {
    let mut side = most;
    loop {
        let written = match side == picture.width {
            true => write_jpeg_under(picture, &[], bytes, path),
            false => write_jpeg_under(&picture.cover(side, side), &[], bytes, path),
        };
        match written {
            Err(error) if error.kind() == MediaKind::Limit && side > LEAST_SIDE => {
                side = (side * 3 / 4).max(LEAST_SIDE);
            }
            written => return Ok(written.map(|()| side)?),
        }
    }
}

fn design(podcast: &Podcast, fonts: &[PathBuf]) -> Result<(Picture, Drawn)> {
    let chapters = podcast.chapters.iter().map(|chapter| chapter.title.as_str());
    let said = podcast.turns.iter().map(|turn| turn.text.as_str());
    let words: Vec<&str> = podcast.description.as_deref().into_iter().chain(chapters).chain(said).collect();
    let body: String = words.join("\n").chars().take(READ_CHARS).collect();
    let chosen = CardStyle { palette: podcast.palette.clone(), ..CardStyle::default() };
    let style = chosen.settled(&format!("{}\n{body}", podcast.title), podcast.seed)?;
    let motif = plan(&[(&podcast.title, &body)], podcast.seed)[0];
    let base = background(&CardSpec {
        text: &podcast.title,
        body: &body,
        seed: podcast.seed,
        style: &style,
        motif: Some(motif),
        width: SIDE,
        height: SIDE,
        index: 0,
        total: 1,
    })?;
    let mut fonts = Fonts::load(fonts)?;
    let label = podcast.show.as_deref().or(podcast.author.as_deref()).unwrap_or_default();
    let drawn = cover(&base, &podcast.title, label, &mut fonts, &style, podcast.seed, SIDE)?;
    let (motif, palette) = (Some(motif.name().to_owned()), Some(style.palette));
    let checks = drawn.told();
    Ok((drawn.picture, Drawn { side: SIDE, motif, palette, checks }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4))]
        #[test]
        fn a_picture_is_made_smaller_until_it_fits(rgb in prop::collection::vec(any::<u8>(), 800 * 800 * 3)) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("cover.jpg");
            let picture = Picture { width: 800, height: 800, rgb };
            let side = write(&picture, 800, 150_000, &path).unwrap();
            prop_assert!((LEAST_SIDE..800).contains(&side), "{}", side);
            prop_assert!(std::fs::metadata(&path).unwrap().len() <= 150_000);
            prop_assert_eq!(picture::load(&path).unwrap().width, side);
        }
    }

    #[test]
    fn what_fits_stays_as_large_as_it_is_and_what_never_fits_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cover.jpg");
        let picture = Picture { width: 700, height: 700, rgb: vec![90; 700 * 700 * 3] };
        assert_eq!(write(&picture, 700, BYTES, &path).unwrap(), 700);
        assert_eq!(write(&picture, 700, 100, &path).unwrap_err().kind(), ErrorKind::Limit);
    }
}
