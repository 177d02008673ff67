//! `reelsmith make podcast`: an episode from a script with speakers.

use super::{Product, beside, given_music, own_data, read_text, resumable, run_job, spare};
use crate::cli::speech::Podcast as Args;
use crate::commands::speech::pairs;
use crate::commands::{Context, summary};
use crate::exit::{Failure, Outcome};
use crate::house::{House, locate_ffmpeg, pipeline_failure};
use crate::interrupt::unless;
use crate::publish::OutputFolder;
use crate::pulling::provide;
use reelsmith_pipelines::dialogue::MOST_BYTES;
use reelsmith_pipelines::script::parse_episode;
use reelsmith_pipelines::spec::MusicChoice;
use reelsmith_pipelines::{EpisodeDocument, PodcastOptions, check_voices};

/// What a person gets.
const PRODUCT: Product = Product {
    command: "make podcast",
    stem: "episode",
    files: &[
        ("episode.mp3", "mp3"),
        ("transcript.srt", "srt"),
        ("transcript.vtt", "vtt"),
        ("transcript.txt", "txt"),
        ("chapters.json", "chapters.json"),
        ("cover.jpg", "jpg"),
        ("report.json", "json"),
    ],
};

/// Runs the command.
pub(in crate::commands) async fn podcast(context: &mut Context, args: &Args) -> Outcome {
    let (name, text) = read_text(&args.script, MOST_BYTES)?;
    let document = parse_episode(&text, &name).map_err(Failure::usage)?;
    let options = options(args)?;
    let library = context.library()?;
    // Names that do not exist are told before anything is fetched or loaded.
    check_voices(&library.voices(), &document, &options).map_err(pipeline_failure)?;
    unless(&context.cancel, locate_ffmpeg(&context.config)).await?;
    let folder = OutputFolder::claim(&args.out)?;
    let needed = library.for_short();
    provide(&library, &needed, context.reporter.teller(), &context.cancel).await.map_err(resumable)?;
    let owner = own_data(context, PRODUCT.command).await?;
    let opening = House::open(&context.config, library, owner, None);
    let house = unless(&context.cancel, opening).await.map_err(resumable)?;
    let outcome = make(context, &house, &document, (args, &options), &folder).await;
    house.shutdown().await;
    outcome
}

async fn make(
    context: &mut Context,
    house: &House,
    document: &EpisodeDocument,
    (args, options): (&Args, &PodcastOptions),
    folder: &OutputFolder,
) -> Outcome {
    let files = beside(&args.script);
    let preparing =
        async { house.runner.prepare_podcast(document, options, &files).await.map_err(pipeline_failure) };
    let podcast = unless(&context.cancel, preparing).await.map_err(resumable)?;
    let music = &podcast.music;
    let music = [&music.intro, &music.bed, &music.outro].into_iter().filter_map(MusicChoice::file);
    let given = music.chain(&podcast.cover);
    spare(&args.script, given, (folder.dir(), &podcast.title), &PRODUCT)?;
    let (job, paths) = run_job(context, house, podcast, folder, &PRODUCT).await?;
    summary::tell(context, &job, &paths, PRODUCT.report(&paths), summary::podcast)
}

fn options(args: &Args) -> Outcome<PodcastOptions> {
    let music = |text: &Option<String>| text.clone().map(given_music);
    // A file named on the command line is relative to the caller's folder, not to the script's.
    let cover = args.cover.as_ref().map(|path| {
        std::path::absolute(path).unwrap_or_else(|_| path.clone()).to_string_lossy().into_owned()
    });
    Ok(PodcastOptions {
        voices: pairs(&args.voices)?,
        speed: args.speed,
        intro: music(&args.intro),
        bed: music(&args.bed),
        outro: music(&args.outro),
        cover,
        seed: args.seed,
    })
}
