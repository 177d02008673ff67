//! Whisper base hears what Kokoro says; what was said and when is known.

use crate::compare::{later, median, plain, word_error_rate};
use crate::support::checkpoint::{load_runtime, model_file};
use crate::support::fill::uniform;
use reelsmith_inference::kokoro::Kokoro;
use reelsmith_inference::whisper::{Target, Whisper};
use reelsmith_inference_core::speech::{Speak, SpeakRequest};
use reelsmith_inference_core::transcribe::{
    Samples, Sound, Transcribe, TranscribeOptions, TranscribeRequest, Transcript,
};
use reelsmith_inference_core::{Control, ErrorKind, NoControl, Progress, Verdict};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

const RATE: f64 = 16_000.0;

const SENTENCES: [&str; 6] = [
    "The harbour was quiet when the first boats came back with the morning catch.",
    "She opened the old wooden box and found a letter from her grandmother.",
    "Every winter the river freezes, and children skate along its banks until dark.",
    "Nobody in the village remembered who had planted the apple trees.",
    "The train was late again, so we walked across the bridge into the city.",
    "He wrote three short stories that year, and all of them were about the sea.",
];

/// Sound, and each word with the second at which it begins.
#[derive(Clone)]
struct Said {
    samples: Vec<f32>,
    words: Vec<(String, f64)>,
}

/// Every sentence, said once.
static SAID: LazyLock<Vec<Said>> = LazyLock::new(|| {
    load_runtime();
    let file = |name: &str| model_file(name);
    let mut kokoro = Kokoro::open(
        &file("kokoro-82m-fp32/kokoro.onnx"),
        &file("kokoro-voices"),
        &file("g2p-en/oov.onnx"),
        2,
    )
    .expect("the voice loads");
    let voices = ["af_heart", "am_michael", "bf_emma"];
    let say = |(n, text): (usize, &&str)| {
        let request = SpeakRequest { text: (*text).to_owned(), voice: voices[n % 3].to_owned(), speed: 1.0 };
        let speech = kokoro.speak(&request, &NoControl).expect("it speaks");
        let words = speech.words.iter().map(|word| (word.text.clone(), word.start)).collect();
        Said { samples: two_thirds(&speech.samples), words }
    };
    SENTENCES.iter().enumerate().map(say).collect()
});

/// From 24 to 16 kHz: a low pass at 7.5 kHz, taken at every one and a half samples.
fn two_thirds(samples: &[f32]) -> Vec<f32> {
    const REACH: isize = 32;
    let cut = 7_500.0 / 24_000.0 * 2.0;
    let at = |place: f64| {
        let middle = place.floor() as isize;
        let taps = (middle - REACH..=middle + REACH).filter(|n| (0..samples.len() as isize).contains(n));
        let tap = |n: isize| {
            let x = n as f64 - place;
            let sinc = if x == 0.0 {
                cut
            } else {
                (std::f64::consts::PI * cut * x).sin() / (std::f64::consts::PI * x)
            };
            let window = 0.5 + 0.5 * (std::f64::consts::PI * x / (REACH + 1) as f64).cos();
            f64::from(samples[n as usize]) * sinc * window
        };
        taps.map(tap).sum::<f64>() as f32
    };
    (0..samples.len() * 2 / 3).map(|n| at(n as f64 * 1.5)).collect()
}

/// The sentences after each other, with so many seconds of silence before each.
fn together(pause: f64) -> Said {
    let mut all = Said { samples: Vec::new(), words: Vec::new() };
    for said in SAID.iter() {
        all.samples.extend(vec![0.0; (pause * RATE) as usize]);
        let begin = all.samples.len() as f64 / RATE;
        all.words.extend(said.words.iter().map(|(word, start)| (word.clone(), begin + start)));
        all.samples.extend(&said.samples);
    }
    all
}

/// One loaded model for all tests.
fn whisper() -> MutexGuard<'static, Whisper> {
    static WHISPER: LazyLock<Mutex<Whisper>> = LazyLock::new(|| {
        load_runtime();
        let detector = model_file("silero-vad/silero_vad_16k_sequence.onnx");
        let folder = model_file("whisper-base-ct2/model.bin");
        let folder = folder.parent().expect("a file has a folder");
        Mutex::new(Whisper::open(folder, Some(&detector), 2).expect("the model loads"))
    });
    WHISPER.lock().unwrap_or_else(PoisonError::into_inner)
}

fn heard(samples: Vec<f32>, options: TranscribeOptions) -> Transcript {
    let request = TranscribeRequest { sound: Sound::samples(samples), options };
    whisper().transcribe(&request, &NoControl).expect("it listens")
}

/// What holds for any transcript: times in order and within the sound, words those of the text.
#[track_caller]
fn check(transcript: &Transcript, seconds: f64) {
    assert!((transcript.duration - seconds).abs() < 1e-3, "{} of {seconds}", transcript.duration);
    let mut time = 0.0;
    for segment in &transcript.segments {
        assert!(segment.start >= time - 0.5 && segment.end >= segment.start, "{segment:?} after {time}");
        assert!(segment.end <= seconds + 1e-6, "{segment:?}");
        assert!(segment.no_speech.is_finite() && segment.log_probability <= 0.0, "{segment:?}");
        time = segment.start;
        for word in segment.words.iter().flatten() {
            assert!(word.start >= segment.start - 1e-6 && word.end >= word.start, "{word:?} in {segment:?}");
            assert!(word.end <= segment.end + 1e-6 && (0.0..=1.0).contains(&word.probability), "{word:?}");
        }
        if let Some(words) = &segment.words {
            let joined: String = words.iter().map(|word| word.text.as_str()).collect();
            assert_eq!(plain(&joined), plain(&segment.text));
        }
    }
}

fn expected() -> Vec<String> {
    SENTENCES.iter().flat_map(|sentence| plain(sentence)).collect()
}

#[test]
fn spoken_sentences_are_written_down_with_the_times_of_their_words() {
    // Half a minute and more, with pauses that the detector takes out, and without.
    for (pause, batch) in [(0.4, 1), (3.0, 1), (3.0, 4)] {
        let all = together(pause);
        let seconds = all.samples.len() as f64 / RATE;
        let options = TranscribeOptions { words: true, batch, ..TranscribeOptions::default() };
        let transcript = heard(all.samples, options);
        check(&transcript, seconds);
        assert_eq!(transcript.language.as_deref(), Some("en"));
        assert!(transcript.language_probability > 0.8);
        let rate = word_error_rate(&expected(), &plain(&transcript.text()));
        println!("pauses of {pause} s, batch {batch}: word error rate {rate:.3}");
        assert!(rate <= 0.05, "{rate}: {}", transcript.text());
        let words = transcript.segments.iter().flat_map(|segment| segment.words.iter().flatten());
        let words: Vec<(String, f64)> = words.map(|word| (word.text.clone(), word.start)).collect();
        let later = later(&all.words, &words);
        let heard = later.len();
        let (mean, apart) = (median(later.clone()), median(later.iter().map(|gap| gap.abs()).collect()));
        println!("  starts of {heard} words: {:+.0} ms, apart {:.0} ms, medians", mean * 1e3, apart * 1e3);
        assert!(heard * 10 >= all.words.len() * 9, "{heard} of {} words", all.words.len());
        // Every word, in its place: one wrongly placed window would move a sixth of them by seconds.
        assert!(
            apart <= 0.12 && later.iter().filter(|gap| gap.abs() > 0.5).count() * 20 <= heard,
            "{later:?}"
        );
    }
}

#[test]
fn products_in_eight_bits_hear_the_same_words() {
    let folder = model_file("whisper-base-ct2/model.bin");
    let folder = folder.parent().expect("a file has a folder");
    load_runtime();
    let detector = model_file("silero-vad/silero_vad_16k_sequence.onnx");
    let mut whisper =
        Whisper::open_for(folder, Some(&detector), 2, Target::CPU_8_BIT).expect("the model loads");
    let request = TranscribeRequest {
        sound: Sound::samples(together(0.4).samples),
        options: TranscribeOptions { words: true, ..TranscribeOptions::default() },
    };
    let transcript = whisper.transcribe(&request, &NoControl).expect("it listens");
    let rate = word_error_rate(&expected(), &plain(&transcript.text()));
    println!("8 bits: word error rate {rate:.3}");
    assert!(rate <= 0.05, "{rate}: {}", transcript.text());
}

#[test]
fn silence_and_noise_are_no_words() {
    let minute = 60 * RATE as usize;
    let noise = |gain: f32| uniform("noise", 1, minute).iter().map(|s| s * gain).collect::<Vec<f32>>();
    for (name, samples) in [("silence", vec![0.0; minute]), ("hiss", noise(0.01)), ("noise", noise(0.5))] {
        for batch in [1, 4] {
            let options = TranscribeOptions { batch, words: true, ..TranscribeOptions::default() };
            let transcript = heard(samples.clone(), options);
            check(&transcript, 60.0);
            assert!(transcript.segments.is_empty(), "{name}: {:?}", transcript.text());
            assert_eq!(transcript.language, None);
        }
    }
}

#[test]
fn next_to_nothing_is_heard_without_a_word() {
    for count in [0, 1, 159, 511, 513] {
        let transcript = heard(vec![0.1; count], TranscribeOptions::default());
        assert!(transcript.segments.is_empty());
        assert_eq!(transcript.duration, count as f64 / RATE);
    }
    // Without the detector something is decoded; it must not fail, and times stay within the sound.
    let options = TranscribeOptions { voice_only: false, words: true, ..TranscribeOptions::default() };
    let transcript = heard(vec![0.1; 1], options);
    check(&transcript, 1.0 / RATE);
}

#[test]
fn the_same_request_gives_the_same_text_also_by_chance() {
    let options = |seed| TranscribeOptions {
        temperatures: vec![1.0],
        best_of: 2,
        seed,
        ..TranscribeOptions::default()
    };
    let said = SAID[0].samples.clone();
    let first = heard(said.clone(), options(1));
    assert_eq!(first, heard(said.clone(), options(1)));
    assert_ne!(first.segments[0].log_probability, heard(said, options(2)).segments[0].log_probability);
    assert_eq!(first.segments[0].temperature, 1.0);
}

#[test]
fn a_prompt_and_hot_words_spell_names() {
    // British and American spelling are told by what stood before.
    let said = SAID[0].samples.clone();
    let with = |prompt: Option<&str>, hot_words: Option<&str>| {
        let options = TranscribeOptions {
            language: Some("en".into()),
            prompt: prompt.map(str::to_owned),
            hot_words: hot_words.map(str::to_owned),
            ..TranscribeOptions::default()
        };
        heard(said.clone(), options).text()
    };
    let (american, british) =
        ("The harbor. The color of the harbor.", "The harbour. The colour of the harbour.");
    assert!(with(Some(american), None).contains("harbor "), "{}", with(Some(american), None));
    assert!(with(Some(british), None).contains("harbour "));
    assert!(with(None, Some(british)).contains("harbour "));
}

#[test]
fn a_cancelled_run_ends_and_the_next_one_is_whole() {
    let steps = AtomicUsize::new(0);
    let stop = |_: Progress| match steps.fetch_add(1, Ordering::Relaxed) {
        0..6 => Verdict::Continue,
        _ => Verdict::Cancel,
    };
    let request = TranscribeRequest {
        sound: Sound::samples(SAID[1].samples.clone()),
        options: TranscribeOptions::default(),
    };
    let error = whisper().transcribe(&request, &stop as &dyn Control).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    // The sound is listened to from its beginning again.
    let transcript = whisper().transcribe(&request, &NoControl).unwrap();
    assert_eq!(plain(&transcript.text()), plain(SENTENCES[1]));
}

/// Silence that comes piece by piece and is nowhere held.
struct Hours {
    left: usize,
    whole: usize,
    /// The most samples that were asked for at a time.
    most: Arc<AtomicUsize>,
}

impl Samples for Hours {
    fn read(&mut self, out: &mut [f32]) -> io::Result<usize> {
        self.most.fetch_max(out.len(), Ordering::Relaxed);
        let count = out.len().min(self.left);
        out[..count].fill(0.0);
        self.left -= count;
        Ok(count)
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.left = self.whole;
        Ok(())
    }

    fn seconds(&self) -> Option<f64> {
        Some(self.whole as f64 / RATE)
    }
}

#[test]
fn an_hour_of_silence_is_listened_to_in_pieces_with_progress() {
    let (whole, asked) = (3600 * RATE as usize, Arc::new(AtomicUsize::new(0)));
    let request = TranscribeRequest {
        sound: Sound::stream(Hours { left: 0, whole, most: asked.clone() }),
        options: TranscribeOptions::default(),
    };
    let times = Mutex::new(Vec::new());
    let told = |at: Progress| {
        assert_eq!((at.total, at.unit), (Some(3600), "seconds"));
        times.lock().unwrap().push(at.done);
        Verdict::Continue
    };
    let transcript = whisper().transcribe(&request, &told as &dyn Control).unwrap();
    assert_eq!((transcript.duration, transcript.segments.len()), (3600.0, 0));
    let times = times.into_inner().unwrap();
    assert!(times.windows(2).all(|pair| (pair[0]..=pair[0] + 30).contains(&pair[1])), "{times:?}");
    assert_eq!((times.first(), times.last()), (Some(&0), Some(&3600)));
    // Half a minute at the most is asked for and waited for; nothing holds the hour.
    assert!(asked.load(Ordering::Relaxed) <= 30 * RATE as usize);
}

struct Broken;

impl Samples for Broken {
    fn read(&mut self, _: &mut [f32]) -> io::Result<usize> {
        Err(io::Error::other("the tape is torn"))
    }

    fn rewind(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn seconds(&self) -> Option<f64> {
        None
    }
}

#[test]
fn wrong_options_and_broken_sound_are_told() {
    let refused = |sound: Sound, options: TranscribeOptions| {
        let error = whisper().transcribe(&TranscribeRequest { sound, options }, &NoControl).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
        error.to_string()
    };
    let usual = TranscribeOptions::default;
    let wrong = [
        (TranscribeOptions { language: Some("klingon".into()), ..usual() }, "`klingon` is no language"),
        (TranscribeOptions { beams: 0, ..usual() }, "`beams` is 0; expected 1 to 16"),
        (TranscribeOptions { batch: 33, ..usual() }, "`batch` is 33; expected 1 to 32"),
        (TranscribeOptions { temperatures: vec![], ..usual() }, "`temperatures` are []"),
        (TranscribeOptions { temperatures: vec![f32::NAN], ..usual() }, "`temperatures`"),
        (TranscribeOptions { no_speech: f32::NAN, ..usual() }, "threshold"),
    ];
    for (options, message) in wrong {
        let said = refused(Sound::samples(vec![0.0; 100]), options);
        assert!(said.contains(message), "{said}");
    }
    assert!(refused(Sound::stream(Broken), usual()).contains("the tape is torn"));
    assert!(refused(Sound::samples(vec![f32::INFINITY]), usual()).contains("sample 0"));
}
