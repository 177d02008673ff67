//! Tables of what is written and what is said.

use super::super::{Language, written};
use super::*;
use std::collections::HashSet;
use std::sync::LazyLock;

/// A few words of the lexicon, enough for the rules that ask for one.
static KNOWN: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    ["NASA", "stop", "not", "it", "who", "us", "never", "shout", "like", "this", "phone", "win", "led", "do"]
        .into()
});

/// What `text` says: words as they are, letters in capitals, words for the network in angle brackets.
fn said(text: &str, accent: Accent) -> String {
    let words = written::words(text);
    let mut out: Vec<String> = Vec::new();
    for sentence in written::sentences(&words, Language::English(accent)) {
        let plain: Vec<Plain<'_>> = words[sentence]
            .iter()
            .map(|w| Plain { lead: w.lead, body: canonical(w.body), tail: w.tail })
            .collect();
        for at in 0..plain.len() {
            let context = Context { sentence: &plain, at, accent, knows: &|word| KNOWN.contains(word) };
            out.extend(say(&context).into_iter().filter_map(|say| match say {
                Say::Words(words) => Some(words),
                Say::Letters { text, plural } => {
                    Some(format!("{}{}", text.to_uppercase(), if plural { "'s" } else { "" }))
                }
                Say::Foreign(word) => Some(format!("<{word}>")),
                Say::Break => None,
            }));
        }
    }
    out.join(" ")
}

#[track_caller]
fn table(accent: Accent, rows: &[(&str, &str)]) {
    let wrong: Vec<String> = rows
        .iter()
        .filter(|(text, want)| said(text, accent) != *want)
        .map(|(text, want)| format!("{text:?}\n  said   {:?}\n  wanted {want:?}", said(text, accent)))
        .collect();
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

#[test]
fn numbers_and_years() {
    table(
        Accent::Us,
        &[
            ("I have 3 cats and 1,250 fish.", "I have three cats and one thousand two hundred fifty fish"),
            ("Pi is 3.14159.", "Pi is three point one four one five nine"),
            ("It fell to -5.", "It fell to minus five"),
            (
                "In 1984 and 2025, not 2007.",
                "In nineteen eighty four and twenty twenty five not two thousand seven",
            ),
            ("the 1980s and the '90s", "the nineteen eighties and the nineties"),
            ("Agent 007", "Agent zero zero seven"),
            ("He came 1st, she 22nd.", "He came first she twenty second"),
            ("Version 2.0.1 and v1.2", "Version two point zero point one and version one point two"),
            ("room 101 or Flight 370", "room one oh one or Flight three seventy"),
            ("A Boeing 747 and an RTX 5070", "A Boeing seven forty seven and an RTX fifty seventy"),
            ("10–20 people, 1990–1995", "ten to twenty people nineteen ninety to nineteen ninety five"),
            ("We won 3-2.", "We won three to two"),
            ("a 10-year-old and the 20th-century", "a ten year old and the twentieth century"),
            ("It is 10x faster", "It is ten times faster"),
            (
                "5M views, 10k likes, 4K video, 1080p",
                "five million views ten thousand likes four K video ten eighty P",
            ),
            ("Call 555-123-4567 now", "Call five five five one two three four five six seven now"),
            ("Call (555) 123-4567.", "Call five five five one two three four five six seven"),
            ("+44 20 7946 0958", "plus forty four two zero seven nine four six zero nine five eight"),
            ("3,14 and 1,2", "three fourteen and one two"),
            (
                "1250 kg and 1500 m",
                "one thousand two hundred fifty kilograms and one thousand five hundred meters",
            ),
            ("1905 people came", "one thousand nine hundred five people came"),
            ("a crowd of 1200 soldiers", "a crowd of one thousand two hundred soldiers"),
            ("In 1905 people moved", "In nineteen oh five people moved"),
            ("in 1905, 1969 was", "in nineteen oh five nineteen sixty nine was"),
            ("the 1920 elections of 1905", "the nineteen twenty elections of nineteen oh five"),
            ("In 1984 J. Smith won", "In nineteen eighty four J Smith won"),
            (
                "two F-16s, 747s and Airbus 320s",
                "two F sixteens seven forty sevens and Airbus three twenties",
            ),
            ("wait 30s or 120s", "wait thirty seconds or one hundred twenty seconds"),
            ("in her 30s, the 90s, mid-30s", "in her thirties the nineties mid thirties"),
            ("the late 1800s", "the late eighteen hundreds"),
        ],
    );
    table(
        Accent::Gb,
        &[("It is 1,042 and 105.", "It is one thousand and forty two and one hundred and five")],
    );
}

#[test]
fn dates_and_times() {
    table(
        Accent::Us,
        &[
            ("on July 4, 1776", "on July fourth seventeen seventy six"),
            ("on 4 July 2025", "on the fourth of July twenty twenty five"),
            ("the 4th of July", "the fourth of July"),
            ("since Jan. 5 and Sept. 30", "since January fifth and September thirtieth"),
            ("2025-07-03", "July third twenty twenty five"),
            ("7/4/2025", "July fourth twenty twenty five"),
            ("4.7.2025", "July fourth twenty twenty five"),
            ("Python 3.12.10", "Python three point twelve point ten"),
            ("at 7:30", "at seven thirty"),
            ("at 7:05 p.m. sharp", "at seven oh five PM sharp"),
            ("at 7pm or 11 a.m.", "at seven PM or eleven AM"),
            ("at 9:00 and 19:45", "at nine o'clock and nineteen forty five"),
            ("Mon., Tues., and Wed.", "Monday Tuesday and Wednesday"),
        ],
    );
    table(
        Accent::Gb,
        &[("3/7/2025", "the third of July twenty twenty five"), ("on July 4", "on July the fourth")],
    );
}

#[test]
fn money() {
    table(
        Accent::Us,
        &[
            ("It costs $3.50.", "It costs three dollars and fifty cents"),
            ("£2m and €1,200", "two million pounds and one thousand two hundred euros"),
            ("$1 or $0.99 or 99¢", "one dollar or ninety nine cents or ninety nine cents"),
            ("a $5 bill for $5", "a five dollar bill for five dollars"),
            ("$3 million and $2.5 billion", "three million dollars and two point five billion dollars"),
            ("a $3 million deal", "a three million dollar deal"),
            ("£3.01, ¥500", "three pounds and one penny five hundred yen"),
            ("$10–20 and $5-$10 million", "ten to twenty dollars and five to ten million dollars"),
            ("$1.2bn", "one point two billion dollars"),
            ("5€ and 20 EUR", "five euros and twenty euros"),
            ("1 EUR, GBP 1, EUR 5", "one euro pound one euros five"),
        ],
    );
}

#[test]
fn quantities() {
    table(
        Accent::Us,
        &[
            ("50% or 3.5% or 10–20%", "fifty percent or three point five percent or ten to twenty percent"),
            (
                "-5°C, 72°F and 20 °C",
                "minus five degrees Celsius seventy two degrees Fahrenheit and twenty degrees Celsius",
            ),
            ("100 km/h and 5km", "one hundred kilometers per hour and five kilometers"),
            ("1 kg, 2 kg, 12 m²", "one kilogram two kilograms twelve square meters"),
            ("a 30 cm ruler, a 5-km run", "a thirty centimeter ruler a five kilometer run"),
            ("this 2 kg box", "this two kilogram box"),
            ("the 5 km from here", "the five kilometers from here"),
            ("1/2, 3/4, 2/3 and 1 1/2", "one half three quarters two thirds and one and one half"),
            ("½ and 2½ cups", "one half and two and a half cups"),
            ("24/7 in 16:9", "twenty four seven in sixteen to nine"),
            ("6'2\" tall", "six foot two tall"),
            ("1080x1920 at 60fps", "ten eighty by nineteen twenty at sixty frames per second"),
        ],
    );
}

#[test]
fn abbreviations() {
    table(
        Accent::Us,
        &[
            ("Dr. Smith met Mr. and Mrs. Jones", "Doctor Smith met Mister and Missus Jones"),
            ("in St. Louis, on Baker St. today", "in Saint Louis on Baker Street today"),
            ("Mount St. Helens", "Mount Saint Helens"),
            ("fruit, e.g. apples, i.e. food, etc.", "fruit for example apples that is food etc"),
            ("cats vs. dogs", "cats versus dogs"),
            ("No. 5 is alive. No.", "number five is alive No"),
            ("J. K. Rowling and J.R.R. Tolkien", "J K Rowling and JRR Tolkien"),
            ("the U.S. Army has a Ph.D.", "the US Army has a PHD"),
            ("Acme Inc. and Foo Ltd.", "Acme Incorporated and Foo Limited"),
            ("w/ milk", "with milk"),
            ("Martin Luther King Jr. spoke", "Martin Luther King Junior spoke"),
            ("Visit St. Louis now", "Visit Saint Louis now"),
            ("When St. Helens erupted", "When Saint Helens erupted"),
            ("Gen. Lee met Rep. Smith", "General Lee met Representative Smith"),
            ("fig. 3, Fig. B, vol. II, p. 5", "Figure three Figure B Volume II page five"),
            ("the 2nd ed. of it", "the second edition of it"),
        ],
    );
}

#[test]
fn words_before_a_full_stop_are_no_abbreviations() {
    table(
        Accent::Us,
        &[
            (
                "It is too small to cover the Sun. Then it was.",
                "It is too small to cover the Sun Then it was",
            ),
            ("We orbit the Sun.", "We orbit the Sun"),
            ("He sat. They wed. It will mar.", "He sat They wed It will mar"),
            ("Sat. Sit.", "Sat Sit"),
            ("I met Jan. We meet on Sun.", "I met Jan We meet on Sunday"),
            ("It ended in Jan. Dec. 5 came", "It ended in January December fifth came"),
            ("I ate a fig. A man came.", "I ate a fig A man came"),
            ("Give me a sec. He did.", "Give me a sec He did"),
            ("One more rep. Push the rev. Add a col.", "One more rep Push the rev Add a col"),
            ("That is apt. She is a temp. Wait a min.", "That is apt She is a temp Wait a min"),
            ("I said no. Come in. His name is Max.", "I said no Come in His name is Max"),
            ("It took 5 min. It works at Acme Inc.", "It took five minutes It works at Acme Incorporated"),
            ("on Sat. and on Wed.", "on Saturday and on Wednesday"),
        ],
    );
}

#[test]
fn acronyms_and_mixtures() {
    table(
        Accent::Us,
        &[
            ("NASA and the FBI", "NASA and the FBI"),
            ("GPUs and CEOs", "GPU's and CEO's"),
            ("H2O, MP3, B2B, COVID-19", "H two O MP three B two B covid nineteen"),
            ("UNESCO's plan", "unesco's plan"),
            ("STOP! DO NOT SHOUT LIKE THIS.", "stop do not shout like this"),
            ("R&D at AT&T", "R and D at AT and T"),
            ("C++ and C#", "C plus plus and C sharp"),
            ("Plan A, vitamin C", "Plan A vitamin C"),
            ("GPT-4 and F-16", "GPT four and F sixteen"),
            ("TCP/IP and and/or", "TCP IP and and or"),
        ],
    );
}

#[test]
fn roman_numerals() {
    table(
        Accent::Us,
        &[
            ("King Henry VIII ruled", "King Henry the eighth ruled"),
            ("World War II ended", "World War two ended"),
            ("Chapter IV of Rocky III", "Chapter four of Rocky three"),
            ("Elizabeth II's reign", "Elizabeth the second's reign"),
            ("Louis XIV", "Louis the fourteenth"),
            ("I think I am", "I think I am"),
            ("the part I like, the book I read", "the part I like the book I read"),
            ("USB type C, class C", "USB type C class C"),
            ("Appendix C, Type X", "Appendix C Type ten"),
            ("Part I of Act V", "Part one of Act five"),
            ("World War I began", "World War one began"),
            ("chapter IV and type II", "chapter four and type two"),
        ],
    );
}

#[test]
fn addresses_and_symbols() {
    table(
        Accent::Us,
        &[
            ("Visit www.example.com/shop today", "Visit WWW dot example dot com slash shop today"),
            ("See https://github.com/rust-lang.", "See github dot com slash rust dash lang"),
            ("Mail me@example.org", "Mail me at example dot org"),
            (
                "#1 in #MachineLearning by @some_user",
                "number one in hashtag Machine Learning by at some user",
            ),
            ("salt & pepper, 2 + 2 = 4", "salt and pepper two plus two equals four"),
            ("café naïve Zoë", "cafe naive Zoe"),
            ("party 🎉🎉 time!", "party time"),
            ("Москва is π", "<Москва> is pi"),
            ("it’s “quoted”", "it's quoted"),
            ("word—word", "word word"),
            ("rock 'n' roll", "rock and roll"),
        ],
    );
}

#[test]
fn nothing_to_say() {
    for text in ["", " \n\t", "… — !?", "🎉 👍🏽", "***", "\u{200b}\u{feff}"] {
        assert_eq!(said(text, Accent::Us), "", "{text:?}");
    }
}
