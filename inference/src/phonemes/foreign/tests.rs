use super::*;
use crate::phonemes::espeak::PROGRAM;
use crate::phonemes::written::{sentences, words};
use crate::phonemes::{Accent, Document, Language};
use proptest::prelude::*;

fn espeak() -> Espeak {
    Espeak::new(PROGRAM)
}

/// The sounds of every word of a text, and the whole.
fn read(text: &str, tongue: Tongue) -> (Vec<String>, String) {
    let words = words(text);
    let mut shares = vec![String::new(); words.len()];
    let mut whole = String::new();
    for range in sentences(&words, Language::Other(tongue)) {
        let first = range.start;
        let symbols = sentence(&words[range], first, tongue, &espeak(), &mut |_| Ok(())).unwrap();
        for symbol in symbols {
            let sound = alphabet::symbol(symbol.number).expect("it is in the alphabet");
            whole.push(sound);
            if let Some(word) = symbol.word {
                shares[word].push(sound);
            }
        }
        whole.push('\n');
    }
    (shares, whole)
}

#[test]
fn every_word_has_its_own_sounds() {
    let (words, whole) = read("¿Qué tal? Mañana, 25 personas vienen «aquí» (creo).", Tongue::Spanish);
    assert_eq!(words.len(), 8);
    assert!(words.iter().all(|word| !word.is_empty()), "{words:?}");
    assert!(words[3].starts_with('b') && words[3].contains('θ') || words[3].contains('s'), "{words:?}");
    assert!(whole.contains("“akˈi”"), "{whole}");
    let (words, _) = read("Les amis de l'homme ont dit : « il y en a 80 ».", Tongue::French);
    assert!(words[0].starts_with('l') && words[1].ends_with("amˈi"), "{words:?}");
    assert_eq!(words[3], "lˈɔm");
}

#[test]
fn marks_are_those_of_the_model_and_phrases_end_at_them() {
    let texts = |text: &str| phrases(&words(text)).into_iter().map(|p| (p.text, p.after)).collect::<Vec<_>>();
    let pair = |text: &str, after: &str| (text.to_owned(), after.to_owned());
    assert_eq!(texts("Hola, mundo"), [pair("Hola", ", "), pair("mundo", ".")]);
    assert_eq!(
        texts("El Sr. García -- creo -- 3,14 €"),
        [pair("El Sr. García", " — "), pair("creo", " — "), pair("3,14 €", "."),]
    );
    assert_eq!(texts("un po' di 'pane'!"), [pair("un po' di pane", "!")]);
    assert_eq!(
        texts("[a] {b} «c» d..."),
        [pair("a", ") ("), pair("b", ") “"), pair("c", "” "), pair("d", "...")]
    );
    assert_eq!(texts("दिल्ली अर्थात्।"), [pair("दिल्ली अर्थात्", ".")]);
    let long = texts(&"palabra ".repeat(100));
    assert!(long.len() == 3 && long.iter().all(|(text, _)| text.len() <= MOST_BYTES), "{long:?}");
}

#[test]
fn sounds_are_brought_to_the_alphabet() {
    let text = |ipa: &str| sounds(ipa).into_iter().collect::<String>();
    assert_eq!(text("t^ʃˈa^ʊ (^e^n)wiˌkˈɛnd(^f^r) dɛ- fɔ̃^"), "ʧˈW wiˌkˈɛnd dɛ fɔ̃");
    assert_eq!(text("ab (en"), "ab");
    assert_eq!(text("bʱa  ʔ "), "ba ʔ");
}

/// Characters that a language is written with, and others that it is not.
fn writing() -> impl Strategy<Value = (Tongue, String)> {
    let latin = "[a-zA-ZáéíóúñüçàèìòùâêîôûëïœÁÉÑÇ0-9 ,.;:!?¿¡'’«»()%€&$@-]{0,60}";
    let hindi = "[\u{901}-\u{939}\u{93c}-\u{94d}\u{958}-\u{96f} ,।?!-]{0,40}";
    let any = prop_oneof![latin.prop_map(String::from), hindi.prop_map(String::from), any::<String>()];
    let tongues = [Tongue::Spanish, Tongue::French, Tongue::Hindi, Tongue::Italian, Tongue::Portuguese];
    (prop::sample::select(tongues.to_vec()), any)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// That every symbol is in the model's alphabet is checked where they are made characters again.
    #[test]
    fn any_text_is_read_with_its_words_in_order((tongue, text) in writing()) {
        let words = words(&text);
        for range in sentences(&words, Language::Other(tongue)) {
            let (first, end) = (range.start, range.end);
            let symbols = sentence(&words[range], first, tongue, &espeak(), &mut |_| Ok(())).unwrap();
            let mut last = first;
            for symbol in &symbols {
                let sound = alphabet::symbol(symbol.number);
                prop_assert!(sound.is_some());
                if let Some(word) = symbol.word {
                    prop_assert!(word >= last && word < end, "{:?}", text);
                    prop_assert!(!sound.is_some_and(alphabet::is_punctuation));
                    last = word;
                }
            }
            let blank = |symbol: &Symbol| symbol.number == SPACE;
            prop_assert!(!symbols.windows(2).any(|pair| blank(&pair[0]) && blank(&pair[1])), "{:?}", text);
        }
    }
}

#[test]
fn a_text_of_ten_thousand_words_is_read_in_a_few_runs_and_can_be_ended() {
    let text = "palabra ".repeat(10_000);
    let document = Document::new(&text, Language::Other(Tongue::Spanish));
    assert_eq!(document.sentences(), 1);
    let mut steps = 0;
    let mut step = |symbols: usize| {
        steps += 1;
        match symbols > 2000 {
            true => Err(reelsmith_inference_core::InferenceError::cancelled()),
            false => Ok(()),
        }
    };
    let words = words(&text);
    let error = sentence(&words, 0, Tongue::Spanish, &espeak(), &mut step).unwrap_err();
    assert_eq!(error.kind(), reelsmith_inference_core::ErrorKind::Cancelled);
    assert!((2..5).contains(&steps), "{steps}");
}

#[test]
fn english_is_not_asked_of_the_program() {
    assert_eq!(Language::of("bf_emma").unwrap(), Language::English(Accent::Gb));
}
