//! Abbreviations and symbols that XTTS was trained to hear spelled out (`TTS/tts/layers/xtts/tokenizer.py`,
//! `_abbreviations` and `_symbols_multilingual`).

use super::language::Language;

/// Pairs of what is written and what is said.
type Table = &'static [(&'static str, &'static str)];

/// Abbreviations, which stand before a full stop; Russian ones stand between other letters' borders.
pub(super) fn abbreviations(language: Language) -> Table {
    match language {
        Language::English => &[
            ("mrs", "misess"),
            ("mr", "mister"),
            ("dr", "doctor"),
            ("st", "saint"),
            ("co", "company"),
            ("jr", "junior"),
            ("maj", "major"),
            ("gen", "general"),
            ("drs", "doctors"),
            ("rev", "reverend"),
            ("lt", "lieutenant"),
            ("hon", "honorable"),
            ("sgt", "sergeant"),
            ("capt", "captain"),
            ("esq", "esquire"),
            ("ltd", "limited"),
            ("col", "colonel"),
            ("ft", "fort"),
        ],
        Language::Spanish => &[
            ("sra", "señora"),
            ("sr", "señor"),
            ("dr", "doctor"),
            ("dra", "doctora"),
            ("st", "santo"),
            ("co", "compañía"),
            ("jr", "junior"),
            ("ltd", "limitada"),
        ],
        Language::French => &[
            ("mme", "madame"),
            ("mr", "monsieur"),
            ("dr", "docteur"),
            ("st", "saint"),
            ("co", "compagnie"),
            ("jr", "junior"),
            ("ltd", "limitée"),
        ],
        Language::German => {
            &[("fr", "frau"), ("dr", "doktor"), ("st", "sankt"), ("co", "firma"), ("jr", "junior")]
        }
        Language::Portuguese => &[
            ("sra", "senhora"),
            ("sr", "senhor"),
            ("dr", "doutor"),
            ("dra", "doutora"),
            ("st", "santo"),
            ("co", "companhia"),
            ("jr", "júnior"),
            ("ltd", "limitada"),
        ],
        Language::Italian => &[
            ("sig", "signore"),
            ("dr", "dottore"),
            ("st", "santo"),
            ("co", "compagnia"),
            ("jr", "junior"),
            ("ltd", "limitata"),
        ],
        Language::Polish => {
            &[("p", "pani"), ("m", "pan"), ("dr", "doktor"), ("sw", "święty"), ("jr", "junior")]
        }
        Language::Czech => &[("dr", "doktor"), ("ing", "inženýr"), ("p", "pan")],
        Language::Russian => &[("г-жа", "госпожа"), ("г-н", "господин"), ("д-р", "доктор")],
        Language::Dutch => &[("dhr", "de heer"), ("mevr", "mevrouw"), ("dr", "dokter"), ("jhr", "jonkheer")],
        Language::Turkish => &[("b", "bay"), ("byk", "büyük"), ("dr", "doktor")],
        Language::Hungarian => &[("dr", "doktor"), ("b", "bácsi"), ("nőv", "nővér")],
        Language::Arabic | Language::Chinese | Language::Korean | Language::Japanese | Language::Hindi => &[],
    }
}

/// The symbols, in the order of [`symbols`].
pub(super) const SYMBOLS: [char; 7] = ['&', '@', '%', '#', '$', '£', '°'];

/// How they are said; `None` where nothing is expanded.
pub(super) fn symbols(language: Language) -> Option<[&'static str; 7]> {
    Some(match language {
        Language::English => ["and", "at", "percent", "hash", "dollar", "pound", "degree"],
        Language::Spanish => ["y", "arroba", "por ciento", "numeral", "dolar", "libra", "grados"],
        Language::French => ["et", "arobase", "pour cent", "dièse", "dollar", "livre", "degrés"],
        Language::German => ["und", "at", "prozent", "raute", "dollar", "pfund", "grad"],
        Language::Portuguese => ["e", "arroba", "por cento", "cardinal", "dólar", "libra", "graus"],
        Language::Italian => ["e", "chiocciola", "per cento", "cancelletto", "dollaro", "sterlina", "gradi"],
        Language::Polish => ["i", "małpa", "procent", "krzyżyk", "dolar", "funt", "stopnie"],
        Language::Arabic => ["و", "على", "في المئة", "رقم", "دولار", "جنيه", "درجة"],
        Language::Chinese => ["和", "在", "百分之", "号", "美元", "英镑", "度"],
        Language::Czech => ["a", "na", "procento", "křížek", "dolar", "libra", "stupně"],
        Language::Russian => ["и", "собака", "процентов", "номер", "доллар", "фунт", "градус"],
        Language::Dutch => ["en", "bij", "procent", "hekje", "dollar", "pond", "graden"],
        Language::Turkish => ["ve", "at", "yüzde", "diyez", "dolar", "sterlin", "derece"],
        Language::Hungarian => ["és", "kukac", "százalék", "kettőskereszt", "dollár", "font", "fok"],
        Language::Korean => ["그리고", "에", "퍼센트", "번호", "달러", "파운드", "도"],
        Language::Hindi => ["और", "ऐट दी रेट", "प्रतिशत", "हैश", "डॉलर", "पाउंड", "डिग्री"],
        Language::Japanese => return None,
    })
}
