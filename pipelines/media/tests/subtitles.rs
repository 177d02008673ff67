//! Subtitle files read back: every time and every line, by a parser of its own.

use proptest::prelude::*;
use reelsmith_media::captions::{CaptionWord, Cue};
use reelsmith_media::subtitles::{srt, vtt};

#[derive(Debug, PartialEq)]
struct Read {
    start: u64,
    end: u64,
    text: String,
}

fn cue(start: f64, end: f64, lines: &[Vec<String>]) -> Cue {
    let mut words = Vec::new();
    let mut ranges = Vec::new();
    for line in lines {
        let from = words.len();
        words.extend(line.iter().map(|text| CaptionWord { text: text.clone(), start, end }));
        ranges.push(from..words.len());
    }
    Cue { start, end, words, lines: ranges }
}

fn milliseconds(stamp: &str, point: char) -> u64 {
    let (clock, thousandths) = stamp.split_once(point).expect("a fraction");
    let parts: Vec<u64> = clock.split(':').map(|part| part.parse().expect("digits")).collect();
    assert_eq!((parts.len(), thousandths.len()), (3, 3), "{stamp}");
    assert!(parts[1] < 60 && parts[2] < 60, "{stamp}");
    ((parts[0] * 60 + parts[1]) * 60 + parts[2]) * 1000 + thousandths.parse::<u64>().expect("digits")
}

fn block(block: &str, point: char) -> Read {
    let (times, text) = block.split_once('\n').expect("a time line and text");
    let (start, end) = times.split_once(" --> ").expect("an arrow");
    Read { start: milliseconds(start, point), end: milliseconds(end, point), text: text.trim_end().into() }
}

fn read_srt(file: &str) -> Vec<Read> {
    let blocks = file.split("\n\n").filter(|b| !b.is_empty());
    let numbered = blocks.enumerate().map(|(i, text)| {
        let (number, rest) = text.split_once('\n').expect("a number line");
        assert_eq!(number, (i + 1).to_string());
        block(rest, ',')
    });
    numbered.collect()
}

fn read_vtt(file: &str) -> Vec<Read> {
    let body = file.strip_prefix("WEBVTT\n\n").expect("the signature");
    let plain = |text: String| text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let blocks = body.split("\n\n").filter(|b| !b.is_empty());
    blocks.map(|b| block(b, '.')).map(|read| Read { text: plain(read.text), ..read }).collect()
}

prop_compose! {
    fn cues()(parts in prop::collection::vec(
        (0.0..30.0_f64, 0.001..9.0_f64, prop::collection::vec(prop::collection::vec("[\\PC&&[^ \\n\\r\u{85}\u{2028}\u{2029}]]{1,9}", 1..4), 1..3)), 0..20,
    )) -> Vec<Cue> {
        let mut clock = 0.0;
        parts.into_iter().map(|(gap, length, lines)| {
            let start = clock + gap;
            clock = start + length;
            cue(start, clock, &lines)
        }).collect()
    }
}

fn expected(cues: &[Cue]) -> Vec<Read> {
    let ms = |seconds: f64| (seconds * 1000.0).round() as u64;
    let tidy = |line: &String| line.split_whitespace().collect::<Vec<_>>().join(" ").replace("-->", "→");
    let read = |c: &Cue| Read {
        start: ms(c.start),
        end: ms(c.end).max(ms(c.start) + 1),
        text: c.text_lines().iter().map(tidy).filter(|l| !l.is_empty()).collect::<Vec<_>>().join("\n"),
    };
    cues.iter().map(read).filter(|read| !read.text.is_empty()).collect()
}

proptest! {
    #[test]
    fn subrip_survives_a_round_trip(cues in cues()) {
        prop_assert_eq!(read_srt(&srt(&cues)), expected(&cues));
    }

    #[test]
    fn webvtt_survives_a_round_trip(cues in cues()) {
        prop_assert_eq!(read_vtt(&vtt(&cues)), expected(&cues));
    }
}

#[test]
fn the_files_look_as_players_expect() {
    let lines = [vec!["Tom".into(), "&".into(), "<Ann>".into()], vec!["a-->b".into()]];
    let cues = [cue(3661.0015, 3662.5, &lines)];
    assert_eq!(srt(&cues), "1\n01:01:01,002 --> 01:01:02,500\nTom & <Ann>\na→b\n\n");
    assert_eq!(vtt(&cues), "WEBVTT\n\n01:01:01.002 --> 01:01:02.500\nTom &amp; &lt;Ann&gt;\na→b\n\n");
    assert_eq!((srt(&[]), vtt(&[])), (String::new(), "WEBVTT\n\n".into()));
    // U+2000 is a space as wide as an n: a cue of nothing else shows nothing.
    let blank = [cue(1.0, 2.0, &[vec!["\u{2000}".into()]])];
    assert_eq!((srt(&blank), vtt(&blank)), (String::new(), "WEBVTT\n\n".into()));
}
