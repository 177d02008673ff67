//! `reelsmith presets list` and `reelsmith voices list`.

use super::{Context, print};
use crate::cli::{Presets, Voices};
use crate::exit::Outcome;
use crate::house::{DEFAULT_VOICE, presets as all_presets};
use serde_json::json;

/// Lists the presets with the rules that matter to a writer.
pub(super) fn presets(context: &Context, command: Presets) -> Outcome {
    let Presets::List { json } = command;
    let presets = all_presets(&context.config)?;
    if json {
        let all: Vec<_> = presets.iter().collect();
        print(json!(all));
        return Ok(());
    }
    print(format!(
        "{:<16} {:<16} {:<14} {:>10} {:>9} {:>8}",
        "NAME", "TITLE", "FRAMES", "BIT RATE", "LONGEST", "LOUDNESS"
    ));
    for preset in presets.iter() {
        let frames = format!("{}x{}@{}", preset.video.width, preset.video.height, preset.video.fps);
        let rate = format!("{:.1} Mbit/s", preset.video.bitrate_bps as f64 / 1e6);
        let longest = format!("{:.0}/{:.0} s", preset.duration.default_max_s, preset.duration.platform_max_s);
        let loudness = format!("{} LUFS", preset.audio.lufs);
        print(format!(
            "{:<16} {:<16} {frames:<14} {rate:>10} {longest:>9} {loudness:>8}",
            preset.name, preset.title
        ));
    }
    Ok(())
}

/// Lists the voices of the configured model.
pub(super) fn voices(context: &Context, command: Voices) -> Outcome {
    let Voices::List { json } = command;
    let library = context.library()?;
    let voices = library.voices();
    if json {
        print(json!(voices));
        return Ok(());
    }
    print(format!("{:<16} {:<8} of {}", "NAME", "LANGUAGE", library.voice_model));
    for voice in voices {
        let mark = if voice.name == DEFAULT_VOICE { "default" } else { "" };
        print(format!("{:<16} {:<8} {mark}", voice.name, voice.language).trim_end());
    }
    Ok(())
}
