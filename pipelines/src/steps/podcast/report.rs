//! Step `report` of an episode: all that is known of it, and whether it is as ordered.

use super::cover::{COVER, CoverFact};
use super::rundown;
use super::sound::SoundFact;
use super::transcript::TranscriptFact;
use crate::engine::{StepContext, StepOutput};
use crate::error::Result;
use crate::events::StepKey;
use crate::report::{FileFact, PODCAST_REPORT_VERSION, PodcastReport, StepFact, TurnFact};
use crate::rundown::Rundown;
use crate::runner::Parts;
use crate::spec::{MusicChoice, Podcast};
use crate::steps::facts::{self, file, found, given, most, steps};
use crate::steps::music::told;
use crate::steps::output;
use reelsmith_media::probe::Check;
use reelsmith_media::probe::sound::EpisodeOrder;
use reelsmith_storage::Artifact;

/// The files that a person gets, but for the report, and the steps that make them.
const FILES: [(&str, &str); 6] = [
    ("sound", "episode.mp3"),
    ("cover", COVER),
    ("transcript", "transcript.srt"),
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
    let facts = Facts::gather(context).await?;
    let report = facts.report(parts, podcast, context);
    facts::keep(&report, &report.checks, &facts.outputs, context).await
}

/// What the other steps left.
struct Facts {
    rundown: Rundown,
    sound: SoundFact,
    cover: CoverFact,
    transcript: TranscriptFact,
    outputs: Vec<Artifact>,
    steps: Vec<StepFact>,
}

impl Facts {
    async fn gather(context: &StepContext) -> Result<Self> {
        let mut outputs = Vec::new();
        for (stage, name) in FILES {
            outputs.push(output(&context.record(&StepKey::whole(stage)).await?, name)?.clone());
        }
        Ok(Self {
            rundown: rundown(context).await?.0,
            sound: found(&context.record(&StepKey::whole("sound")).await?)?,
            cover: found(&context.record(&StepKey::whole("cover")).await?)?,
            transcript: found(&context.record(&StepKey::whole("transcript")).await?)?,
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
        let order = EpisodeOrder { title: &podcast.title, seconds, chapters: &self.rundown.chapters };
        let mut checks = order.compare(&self.sound.probe);
        checks.extend(facts::sound_checks(&self.sound.mastered, &podcast.loudness));
        checks.extend([
            most("transcript end", "s", seconds, self.transcript.end),
            Check {
                name: "transcript words".into(),
                expected: self.transcript.spoken.to_string(),
                found: self.transcript.shown.to_string(),
                ok: self.transcript.spoken == self.transcript.shown,
            },
        ]);
        checks.extend(self.cover.checks.iter().cloned());
        checks
    }
}

fn inputs(podcast: &Podcast) -> Vec<FileFact> {
    let music = &podcast.music;
    let files = [&music.intro, &music.bed, &music.outro].into_iter().filter_map(|choice| match choice {
        MusicChoice::File(file) => Some(file),
        _ => None,
    });
    files.chain(&podcast.cover).map(given).collect()
}
