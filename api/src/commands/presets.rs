//! `reelsmith presets list`.

use super::{Context, print};
use crate::cli::Presets;
use crate::exit::Outcome;
use crate::house::presets as all_presets;
use serde_json::json;

/// Lists the presets with the rules that matter to a writer.
pub(super) fn list(context: &Context, command: Presets) -> Outcome {
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
