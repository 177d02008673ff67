//! The body of a new job: what is to be made, and the settings that go before the script's own.

use crate::error::{ApiError, ApiResult, Code};
use axum::http::{HeaderMap, header};
use reelsmith_pipelines::script::{self, Music, ScriptError};
use reelsmith_pipelines::{Document, EpisodeDocument, PipelineError, PodcastOptions, ShortOptions};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::json;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A script with its settings.
#[derive(Debug)]
pub(super) enum NewJob {
    Short(Document, ShortOptions),
    Podcast(EpisodeDocument, PodcastOptions),
}

/// What every body has.
#[derive(Deserialize)]
struct Kind {
    kind: String,
}

/// A body of kind `short`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewShort {
    #[serde(rename = "kind")]
    _kind: IgnoredAny,
    script: Option<Box<RawValue>>,
    markdown: Option<String>,
    preset: Option<String>,
    voice: Option<String>,
    speed: Option<f32>,
    seed: Option<u64>,
    music: Option<Music>,
    style: Option<String>,
    max_seconds: Option<f64>,
    encoder_speed: Option<String>,
}

/// A body of kind `podcast`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPodcast {
    #[serde(rename = "kind")]
    _kind: IgnoredAny,
    markdown: String,
    #[serde(default)]
    voices: BTreeMap<String, String>,
    speed: Option<f32>,
    seed: Option<u64>,
    intro: Option<Music>,
    bed: Option<Music>,
    outro: Option<Music>,
    cover: Option<String>,
}

impl NewJob {
    pub(super) fn parse(headers: &HeaderMap, body: &[u8]) -> ApiResult<Self> {
        // Also what keeps a page of another site from posting here: browsers ask before sending JSON.
        let json =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
                value.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case("application/json")
            });
        if !json {
            let message = "the body must be JSON, with the header Content-Type: application/json";
            return Err(ApiError::new(Code::UnsupportedMediaType, message));
        }
        let Kind { kind } = read(body)?;
        match kind.as_str() {
            "short" => read::<NewShort>(body)?.job(),
            "podcast" => read::<NewPodcast>(body)?.job(),
            other => Err(ApiError::new(
                Code::UnknownName,
                format!("there is no kind of job called {other}; expected \"short\" or \"podcast\""),
            )),
        }
    }
}

impl NewShort {
    fn job(self) -> ApiResult<NewJob> {
        let document = match (&self.script, &self.markdown) {
            (Some(script), None) => script::parse_json(script.get(), "script"),
            (None, Some(text)) => script::parse_markdown(text, "markdown"),
            _ => {
                let message =
                    "expected one of \"script\" (the script as JSON) and \"markdown\" (the script as text)";
                return Err(ApiError::new(Code::InvalidRequest, message));
            }
        };
        let options = ShortOptions {
            preset: self.preset,
            voice: self.voice,
            speed: self.speed,
            seed: self.seed,
            music: self.music,
            style: self.style,
            max_seconds: self.max_seconds,
            encoder_speed: self.encoder_speed,
        };
        Ok(NewJob::Short(document.map_err(wrong_script)?, options))
    }
}

impl NewPodcast {
    fn job(self) -> ApiResult<NewJob> {
        let document = script::parse_episode(&self.markdown, "markdown").map_err(wrong_script)?;
        let options = PodcastOptions {
            voices: self.voices,
            speed: self.speed,
            intro: self.intro,
            bed: self.bed,
            outro: self.outro,
            cover: self.cover,
            seed: self.seed,
        };
        Ok(NewJob::Podcast(document, options))
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> ApiResult<T> {
    serde_json::from_slice(body).map_err(|e| {
        ApiError::new(Code::InvalidRequest, format!("the body is not a job: {e}"))
            .with_details(json!({"line": e.line(), "column": e.column()}))
    })
}

fn wrong_script(error: ScriptError) -> ApiError {
    PipelineError::from(error).into()
}
