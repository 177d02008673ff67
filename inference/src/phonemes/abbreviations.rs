//! Shortened words and what they stand for.

/// When a full stop after an abbreviation may also end the sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Never: a name or a figure follows ("Dr.", "vs.").
    Never,
    /// When a capital follows ("etc.").
    MayEnd,
}

/// One abbreviation.
pub(crate) struct Abbreviation {
    /// As written, without the last full stop; compared exactly, then with a small first letter.
    pub(crate) short: &'static str,
    /// What is said.
    pub(crate) long: &'static str,
    /// Only with the full stop: without it, it is another word ("no", "fig").
    pub(crate) needs_stop: bool,
    pub(crate) stop: Stop,
}

const fn title(short: &'static str, long: &'static str) -> Abbreviation {
    Abbreviation { short, long, needs_stop: false, stop: Stop::Never }
}

const fn before(short: &'static str, long: &'static str) -> Abbreviation {
    Abbreviation { short, long, needs_stop: true, stop: Stop::Never }
}

const fn after(short: &'static str, long: &'static str) -> Abbreviation {
    Abbreviation { short, long, needs_stop: true, stop: Stop::MayEnd }
}

const fn free(short: &'static str, long: &'static str) -> Abbreviation {
    Abbreviation { short, long, needs_stop: false, stop: Stop::MayEnd }
}

/// Abbreviations that say one thing wherever they stand; "St", "No", "Dr" and "Ft" have rules of their own.
const ABBREVIATIONS: &[Abbreviation] = &[
    title("Mr", "Mister"),
    title("Mrs", "Missus"),
    title("Ms", "Miz"),
    before("Prof", "Professor"),
    before("Gen", "General"),
    before("Gov", "Governor"),
    before("Sen", "Senator"),
    before("Rep", "Representative"),
    before("Capt", "Captain"),
    before("Lt", "Lieutenant"),
    before("Col", "Colonel"),
    before("Sgt", "Sergeant"),
    before("Cmdr", "Commander"),
    before("Rev", "Reverend"),
    before("Hon", "Honorable"),
    before("Pres", "President"),
    before("Mt", "Mount"),
    before("vs", "versus"),
    free("vs", "versus"),
    before("v", "versus"),
    before("cf", "compare"),
    before("e.g", "for example"),
    before("i.e", "that is"),
    before("viz", "namely"),
    before("approx", "approximately"),
    before("ca", "circa"),
    before("est", "established"),
    before("Fig", "Figure"),
    before("Figs", "Figures"),
    before("Eq", "Equation"),
    before("Vol", "Volume"),
    before("Ch", "Chapter"),
    before("Sec", "Section"),
    before("pp", "pages"),
    before("p", "page"),
    before("ed", "edition"),
    before("nos", "numbers"),
    before("Ph", "P H"),
    after("etc", "etc"),
    free("etc", "etc"),
    after("al", "al"),
    after("Jr", "Junior"),
    after("Sr", "Senior"),
    after("Ave", "Avenue"),
    after("Blvd", "Boulevard"),
    after("Rd", "Road"),
    after("Ln", "Lane"),
    after("Hwy", "Highway"),
    after("Sq", "Square"),
    after("Apt", "Apartment"),
    after("Ltd", "Limited"),
    free("Ltd", "Limited"),
    after("Inc", "Incorporated"),
    after("Corp", "Corporation"),
    after("Co", "Company"),
    after("Bros", "Brothers"),
    after("Dept", "Department"),
    after("Univ", "University"),
    after("Govt", "Government"),
    after("Assn", "Association"),
    after("Tel", "telephone"),
    after("ext", "extension"),
    after("min", "minutes"),
    after("max", "maximum"),
    after("misc", "miscellaneous"),
    after("temp", "temperature"),
    after("a.k.a", "also known as"),
    free("aka", "also known as"),
    free("Ctrl", "control"),
    free("w/", "with"),
    free("w/o", "without"),
    free("b/c", "because"),
    after("Jan", "January"),
    after("Feb", "February"),
    after("Mar", "March"),
    after("Apr", "April"),
    after("Jun", "June"),
    after("Jul", "July"),
    after("Aug", "August"),
    after("Sep", "September"),
    after("Sept", "September"),
    after("Oct", "October"),
    after("Nov", "November"),
    after("Dec", "December"),
    free("Mon", "Monday"),
    free("Tue", "Tuesday"),
    free("Tues", "Tuesday"),
    after("Wed", "Wednesday"),
    free("Thu", "Thursday"),
    free("Thur", "Thursday"),
    free("Thurs", "Thursday"),
    free("Fri", "Friday"),
    after("Sat", "Saturday"),
    after("Sun", "Sunday"),
];

/// The abbreviation that `body` is, `stopped` if a full stop follows it.
pub(crate) fn find(body: &str, stopped: bool) -> Option<&'static Abbreviation> {
    let matches = |a: &&Abbreviation| {
        let (short, is_lower) = (a.short, body.starts_with(|c: char| c.is_ascii_lowercase()));
        let same = short == body
            || (is_lower
                && short.len() > 2
                && short.is_char_boundary(1)
                && short[1..] == body[1..]
                && short[..1].eq_ignore_ascii_case(&body[..1]));
        same && (stopped || !a.needs_stop)
    };
    ABBREVIATIONS.iter().find(matches)
}

/// Whether the full stop after `body` belongs to an abbreviation and the sentence goes on with `next`,
/// which begins with a capital, a digit or a mark.
pub(crate) fn continues(body: &str, next: &str) -> bool {
    let next_is_digit = next.starts_with(|c: char| c.is_ascii_digit());
    match body {
        "St" | "Dr" | "Ft" => return next.starts_with(char::is_uppercase),
        "No" | "no" | "Nr" | "Art" => return next_is_digit,
        "U.S" | "U.K" | "U.N" | "E.U" | "D.C" => return next.starts_with(char::is_uppercase),
        _ => {}
    }
    if month(body).is_some() && next_is_digit && body != "May" {
        return true;
    }
    let mut letters = body.chars();
    let is_initial = matches!((letters.next(), letters.next()), (Some(c), None) if c.is_uppercase() && c != 'I')
        || (body.contains('.')
            && body.split('.').all(|p| p.len() == 1 && p.bytes().all(|b| b.is_ascii_uppercase())));
    is_initial || find(body, true).is_some_and(|a| a.stop == Stop::Never)
}

/// The month that `word` names, in full or short; 1 to 12.
pub(crate) fn month(word: &str) -> Option<u8> {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let at = MONTHS
        .iter()
        .position(|full| word == *full || word == &full[..3] || word == "Sept" && *full == "September")?;
    u8::try_from(at + 1).ok()
}
