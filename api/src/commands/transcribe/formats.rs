//! A transcript as text, as JSON in the forms of OpenAI's API, and as subtitles.

use crate::cli::sounds::TranscriptFormat;
use reelsmith_inference_core::transcribe::{Segment, Transcript};
use reelsmith_media::captions::{CaptionWord, Cue};
use reelsmith_media::subtitles::{srt, vtt};
use serde_json::{Value, json};

/// The transcript in that form, with a line end at its end where there is any text.
pub(super) fn write(transcript: &Transcript, format: TranscriptFormat, is_translated: bool) -> String {
    match format {
        TranscriptFormat::Text => text(transcript),
        TranscriptFormat::Json => format!("{}\n", json!({ "text": transcript.text() })),
        TranscriptFormat::VerboseJson => format!("{:#}\n", verbose(transcript, is_translated)),
        TranscriptFormat::Srt => srt(&cues(transcript)),
        TranscriptFormat::Vtt => vtt(&cues(transcript)),
    }
}

fn text(transcript: &Transcript) -> String {
    transcript.segments.iter().map(|segment| format!("{}\n", segment.text.trim())).collect()
}

/// The keys are those of OpenAI's `TranscriptionVerbose`.
fn verbose(transcript: &Transcript, is_translated: bool) -> Value {
    let segments: Vec<Value> = transcript.segments.iter().enumerate().map(segment).collect();
    let mut all = json!({
        "task": if is_translated { "translate" } else { "transcribe" },
        "language": transcript.language,
        "language_probability": transcript.language_probability,
        "duration": round(transcript.duration),
        "text": transcript.text(),
        "segments": segments,
    });
    let words: Vec<_> =
        transcript.segments.iter().filter_map(|segment| segment.words.as_ref()).flatten().collect();
    if !words.is_empty() {
        let words: Vec<Value> = words
            .iter()
            .map(|word| {
                json!({
                    "word": word.text.trim(), "start": round(word.start), "end": round(word.end),
                    "probability": word.probability,
                })
            })
            .collect();
        all["words"] = Value::Array(words);
    }
    all
}

fn segment((id, segment): (usize, &Segment)) -> Value {
    json!({
        "id": id,
        // In hundredths of a second, as frames of a spectrogram.
        "seek": (segment.start * 100.0) as u64,
        "start": round(segment.start),
        "end": round(segment.end),
        "text": segment.text,
        "tokens": segment.tokens,
        "temperature": segment.temperature,
        "avg_logprob": segment.log_probability,
        "compression_ratio": segment.compression_ratio,
        "no_speech_prob": segment.no_speech,
    })
}

/// To milliseconds, finer than the model's own times.
fn round(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// One cue a segment.
fn cues(transcript: &Transcript) -> Vec<Cue> {
    let cue = |segment: &Segment| Cue {
        start: segment.start,
        end: segment.end,
        words: vec![CaptionWord {
            text: segment.text.trim().to_owned(),
            start: segment.start,
            end: segment.end,
        }],
        lines: std::iter::once(0..1).collect(),
    };
    transcript.segments.iter().map(cue).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reelsmith_inference_core::transcribe::Word;

    fn heard() -> Transcript {
        let word =
            |text: &str, start: f64, end: f64| Word { start, end, text: text.into(), probability: 0.5 };
        let segment = |text: &str, start: f64, end: f64, words| Segment {
            start,
            end,
            text: text.into(),
            tokens: vec![1, 2],
            temperature: 0.0,
            log_probability: -0.25,
            compression_ratio: 1.0,
            no_speech: 0.125,
            words,
        };
        Transcript {
            language: Some("en".into()),
            language_probability: 1.0,
            duration: 4.5,
            segments: vec![
                segment(
                    " Ever tried.",
                    0.5,
                    1.5,
                    Some(vec![word(" Ever", 0.5, 0.9), word(" tried.", 0.9, 1.5)]),
                ),
                segment(" Ever <failed> --> once.", 2.0, 3.25, None),
            ],
        }
    }

    #[test]
    fn text_has_a_segment_a_line_and_silence_none() {
        assert_eq!(write(&heard(), TranscriptFormat::Text, false), "Ever tried.\nEver <failed> --> once.\n");
        assert_eq!(write(&Transcript::default(), TranscriptFormat::Text, false), "");
    }

    #[test]
    fn subtitles_have_a_cue_for_each_segment() {
        let srt = write(&heard(), TranscriptFormat::Srt, false);
        assert!(srt.starts_with("1\n00:00:00,500 --> 00:00:01,500\nEver tried.\n\n2\n"), "{srt}");
        let vtt = write(&heard(), TranscriptFormat::Vtt, false);
        assert!(vtt.contains("00:00:02.000 --> 00:00:03.250\nEver &lt;failed&gt; → once.\n"), "{vtt}");
        assert_eq!(write(&Transcript::default(), TranscriptFormat::Vtt, false), "WEBVTT\n\n");
    }

    #[test]
    fn json_has_the_keys_of_the_api() {
        let read = |format| serde_json::from_str::<Value>(&write(&heard(), format, true)).unwrap();
        assert_eq!(read(TranscriptFormat::Json), json!({ "text": "Ever tried. Ever <failed> --> once." }));
        let verbose = read(TranscriptFormat::VerboseJson);
        assert_eq!((&verbose["task"], &verbose["language"]), (&json!("translate"), &json!("en")));
        assert_eq!(
            verbose["words"][1],
            json!({ "word": "tried.", "start": 0.9, "end": 1.5, "probability": 0.5 })
        );
        assert_eq!(verbose["segments"][1]["seek"], 200);
        assert_eq!(verbose["segments"][0]["avg_logprob"], -0.25);
    }
}
