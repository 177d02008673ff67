//! Step `report` of an episode: all that is known of it, and whether it is as ordered.

use super::cover::{COVER, CoverFact};
use super::rundown;
use super::sound::{FACT, SoundFact};
use super::transcript;
use crate::engine::{StepContext, StepOutput};
use crate::error::Result;
use crate::events::StepKey;
use crate::report::{FileFact, PODCAST_REPORT_VERSION, PodcastReport, StepFact, TurnFact};
use crate::rundown::Rundown;
use crate::runner::Parts;
use crate::spec::{MusicChoice, Podcast};
use crate::steps::facts::{self, file, found, given, steps};
use crate::steps::music::told;
use crate::steps::{output, spoken};
use crate::workflows::podcast::voice_stage;
use reelsmith_media::probe::Check;
use reelsmith_media::probe::sound::EpisodeOrder;
use reelsmith_storage::Artifact;

const SRT: &str = "transcript.srt";
/// The files that a person gets, but for the report, and the steps that make them.
const FILES: [(&str, &str); 6] = [
    ("sound", "episode.mp3"),
    ("cover", COVER),
    ("transcript", SRT),
    ("transcript", "transcript.vtt"),
    ("transcript", "transcript.txt"),
    ("transcript", "chapters.json"),
];

/// Writes the report.
///
/// Output: `report.json` ([`PodcastReport`]).
///
/// # Errors
/// `Verification` if a check fails; it names every one that does.
pub(crate) async fn run(parts: &Parts, podcast: &Podcast, context: &StepContext) -> Result<StepOutput> {
    context.progress(0, 1, "files")?;
    let facts = Facts::gather(podcast, context).await?;
    let report = facts.report(parts, podcast, context);
    facts::keep(&report, &report.checks, &facts.outputs, context).await
}

/// What the other steps left.
struct Facts {
    rundown: Rundown,
    sound: SoundFact,
    cover: CoverFact,
    /// The checks of the transcript.
    transcript: [Check; 2],
    outputs: Vec<Artifact>,
    steps: Vec<StepFact>,
}

impl Facts {
    async fn gather(podcast: &Podcast, context: &StepContext) -> Result<Self> {
        let mut outputs: Vec<Artifact> = Vec::new();
        for (stage, name) in FILES {
            outputs.push(output(&context.record(&StepKey::whole(stage)).await?, name)?.clone());
        }
        let rundown = rundown(context).await?.0;
        let (spoken, _) = spoken(context, &voice_stage(podcast)).await?;
        let srt = outputs.iter().find(|artifact| artifact.name == SRT).expect("it is one of the files");
        let srt = context.blobs().get_bytes(&srt.digest).await?;
        let srt = String::from_utf8_lossy(&srt);
        let sound = context.record(&StepKey::whole("sound")).await?;
        Ok(Self {
            transcript: transcript::checks(&srt, podcast, &spoken, rundown.seconds),
            rundown,
            sound: context.read_json(output(&sound, FACT)?).await?,
            cover: found(&context.record(&StepKey::whole("cover")).await?)?,
            outputs,
            steps: steps(&context.records().await?),
        })
    }

    fn report(&self, parts: &Parts, podcast: &Podcast, context: &StepContext) -> PodcastReport {
        let turns = podcast.turns.iter().zip(&self.rundown.turns);
        let turns = turns.map(|(turn, time)| TurnFact {
            speaker: turn.speaker.clone(),
            voice: turn.voice.clone(),
            text: turn.text.clone(),
            start: time.start,
            end: time.end,
        });
        PodcastReport {
            version: PODCAST_REPORT_VERSION,
            job: context.job().0.clone(),
            title: podcast.title.clone(),
            author: podcast.author.clone(),
            show: podcast.show.clone(),
            language: podcast.language.clone(),
            seed: podcast.seed,
            intro: told(&podcast.music.intro),
            bed: told(&podcast.music.bed),
            outro: told(&podcast.music.outro),
            seconds: self.rundown.seconds,
            inputs: inputs(podcast),
            models: podcast.models.clone(),
            chapters: self.rundown.chapters.clone(),
            turns: turns.collect(),
            cover: self.cover.picture.clone(),
            loudness: self.sound.mastered,
            loudness_target: podcast.loudness,
            sound: self.sound.probe.clone(),
            checks: self.checks(podcast),
            outputs: self.outputs.iter().map(file).collect(),
            steps: self.steps.clone(),
            versions: parts.versions.clone(),
        }
    }

    fn checks(&self, podcast: &Podcast) -> Vec<Check> {
        let seconds = self.rundown.seconds;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let (author, show, about) = (text(&podcast.author), text(&podcast.show), text(&podcast.description));
        let tags = [("artist", &*author), ("album", &*show), ("comment", &*about)];
        let (title, chapters) = (&*podcast.title, &*self.rundown.chapters);
        let order = EpisodeOrder { title, tags: &tags, seconds, chapters };
        let mut checks = order.compare(&self.sound.probe);
        checks.extend(facts::sound_checks(&self.sound.mastered, &podcast.loudness));
        checks.extend(self.transcript.iter().cloned());
        checks.extend(self.cover.checks.iter().cloned());
        checks
    }
}

fn inputs(podcast: &Podcast) -> Vec<FileFact> {
    let music = &podcast.music;
    let files = [&music.intro, &music.bed, &music.outro].into_iter().filter_map(MusicChoice::file);
    files.chain(&podcast.cover).map(given).collect()
}
