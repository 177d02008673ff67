//! Symbols that are read aloud.

/// What a symbol is called when it stands for a word; `None` for marks and pictographs, which are not
/// read. Superscripts, fractions and currency signs are read with the number they belong to.
pub(crate) fn name(symbol: char) -> Option<&'static str> {
    Some(match symbol {
        '&' => "and",
        '@' => "at",
        '#' => "hash",
        '+' => "plus",
        '=' => "equals",
        '<' => "less than",
        '>' => "greater than",
        '±' => "plus or minus",
        '×' => "times",
        '÷' => "divided by",
        '≈' => "about",
        '≠' => "is not equal to",
        '≤' => "at most",
        '≥' => "at least",
        '→' => "to",
        '%' => "percent",
        '‰' => "per mille",
        '°' => "degrees",
        '$' => "dollars",
        '£' => "pounds",
        '€' => "euros",
        '¥' => "yen",
        '₹' => "rupees",
        '₩' => "won",
        '¢' => "cents",
        '§' => "section",
        '©' => "copyright",
        '√' => "square root of",
        '∞' => "infinity",
        'µ' | 'μ' => "micro",
        _ => return None,
    })
}
