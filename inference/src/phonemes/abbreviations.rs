//! Shortened words and what they stand for.

/// Where an abbreviation stands, which tells it from the word of the same letters and its full stop from
/// the sentence's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Before a name ("Dr."); always with its capital.
    Title,
    /// Before a figure ("fig. 3", "Vol. II").
    Reference,
    /// Before whatever it leads to ("vs.", "e.g.").
    Lead,
    /// Anywhere; the sentence may end with it ("etc.").
    Free,
    /// A day or a month; always with its capital.
    Date,
}

/// One abbreviation.
pub(crate) struct Abbreviation {
    /// As written, without the last full stop; [`find`] tells how it is compared.
    pub(crate) short: &'static str,
    /// What is said.
    pub(crate) long: &'static str,
    /// Only with the full stop: without it, it is another word ("no", "fig").
    pub(crate) needs_stop: bool,
    pub(crate) place: Place,
}

const fn title(short: &'static str, long: &'static str) -> Abbreviation {
    Abbreviation { short, long, needs_stop: true, place: Place::Title }
}

const fn reference(short: &'static str, long: &'static str) -> Abbreviation {
    Abbreviation { short, long, needs_stop: true, place: Place::Reference }
}

const fn lead(short: &'static str, long: &'static str) -> Abbreviation {
    Abbreviation { short, long, needs_stop: true, place: Place::Lead }
}

const fn after(short: &'static str, long: &'static str) -> Abbreviation {
    Abbreviation { short, long, needs_stop: true, place: Place::Free }
}

const fn date(short: &'static str, long: &'static str) -> Abbreviation {
    Abbreviation { short, long, needs_stop: true, place: Place::Date }
}

/// The same, with or without the full stop.
const fn bare(abbreviation: Abbreviation) -> Abbreviation {
    Abbreviation { needs_stop: false, ..abbreviation }
}

/// Abbreviations that say one thing wherever they stand; "St", "No", "Dr" and "Ft" have rules of their own.
const ABBREVIATIONS: &[Abbreviation] = &[
    bare(title("Mr", "Mister")),
    bare(title("Mrs", "Missus")),
    bare(title("Ms", "Miz")),
    title("Prof", "Professor"),
    title("Gen", "General"),
    title("Gov", "Governor"),
    title("Sen", "Senator"),
    title("Rep", "Representative"),
    title("Capt", "Captain"),
    title("Lt", "Lieutenant"),
    title("Col", "Colonel"),
    title("Sgt", "Sergeant"),
    title("Cmdr", "Commander"),
    title("Rev", "Reverend"),
    title("Hon", "Honorable"),
    title("Pres", "President"),
    title("Mt", "Mount"),
    bare(lead("vs", "versus")),
    lead("v", "versus"),
    lead("cf", "compare"),
    lead("e.g", "for example"),
    lead("i.e", "that is"),
    lead("viz", "namely"),
    lead("approx", "approximately"),
    reference("ca", "circa"),
    reference("est", "established"),
    reference("Fig", "Figure"),
    reference("Figs", "Figures"),
    reference("Eq", "Equation"),
    reference("Vol", "Volume"),
    reference("Ch", "Chapter"),
    reference("Sec", "Section"),
    reference("pp", "pages"),
    reference("p", "page"),
    after("ed", "edition"),
    reference("nos", "numbers"),
    lead("Ph", "P H"),
    bare(after("etc", "etc")),
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
    bare(after("Ltd", "Limited")),
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
    bare(after("aka", "also known as")),
    bare(after("Ctrl", "control")),
    bare(after("w/", "with")),
    bare(after("w/o", "without")),
    bare(after("b/c", "because")),
    date("Jan", "January"),
    date("Feb", "February"),
    date("Mar", "March"),
    date("Apr", "April"),
    date("Jun", "June"),
    date("Jul", "July"),
    date("Aug", "August"),
    date("Sep", "September"),
    date("Sept", "September"),
    date("Oct", "October"),
    date("Nov", "November"),
    date("Dec", "December"),
    bare(date("Mon", "Monday")),
    bare(date("Tue", "Tuesday")),
    bare(date("Tues", "Tuesday")),
    date("Wed", "Wednesday"),
    bare(date("Thu", "Thursday")),
    bare(date("Thur", "Thursday")),
    bare(date("Thurs", "Thursday")),
    bare(date("Fri", "Friday")),
    date("Sat", "Saturday"),
    date("Sun", "Sunday"),
];

/// The abbreviation that `body` is, `stopped` if a full stop follows it. Titles, days and months are
/// compared exactly, for "sun" and "rep" are words; others may begin with a small letter, and with a
/// capital where that makes no name of them ("Est. 1990", but "Max.").
pub(crate) fn find(body: &str, stopped: bool) -> Option<&'static Abbreviation> {
    let is_small = body.starts_with(|c: char| c.is_ascii_lowercase());
    let matches = |a: &&Abbreviation| {
        let is_free_of_case = match a.place {
            Place::Title | Place::Date => false,
            Place::Reference | Place::Lead => a.short.len() > 1,
            Place::Free => is_small,
        };
        let same = a.short == body
            || (is_free_of_case
                && a.short.get(1..) == body.get(1..)
                && a.short[..1].eq_ignore_ascii_case(body.get(..1).unwrap_or_default()));
        same && (stopped || !a.needs_stop)
    };
    ABBREVIATIONS.iter().find(matches)
}

/// Whether `next` is the figure that a reference written as `body` needs: "fig. 3", "Fig. B", "vol. II".
pub(crate) fn is_referred_to(body: &str, next: &str) -> bool {
    let is_roman = next.len() > 1 && next.bytes().all(|b| b"IVXLC".contains(&b));
    // "I ate a fig. A man came": a letter is one only after a capital.
    let is_letter = next.len() == 1
        && next.starts_with(|c: char| c.is_ascii_uppercase() && c != 'I' && c != 'A')
        && body.starts_with(char::is_uppercase);
    next.starts_with(|c: char| c.is_ascii_digit()) || is_roman || is_letter
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
    let mut letters = body.chars();
    let is_initial = matches!((letters.next(), letters.next()), (Some(c), None) if c.is_uppercase() && c != 'I')
        || (body.contains('.')
            && body.split('.').all(|p| p.len() == 1 && p.bytes().all(|b| b.is_ascii_uppercase())));
    is_initial
        || find(body, true).is_some_and(|a| match a.place {
            Place::Title => next.starts_with(char::is_uppercase),
            Place::Reference => is_referred_to(body, next),
            Place::Lead => true,
            Place::Free => false,
            Place::Date if month(body).is_some() => next_is_digit,
            Place::Date => month(next).is_some() && next != "May",
        })
}

/// The months in order.
pub(crate) const MONTHS: [&str; 12] = [
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

/// The month that `word` names, in full or short; 1 to 12.
pub(crate) fn month(word: &str) -> Option<u8> {
    let at = MONTHS
        .iter()
        .position(|full| word == *full || word == &full[..3] || word == "Sept" && *full == "September")?;
    u8::try_from(at + 1).ok()
}
