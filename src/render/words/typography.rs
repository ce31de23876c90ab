//! The blanks of French typography.

/// No-break space, as French sets it inside guillemets and before high punctuation.
const NBSP: char = '\u{a0}';

/// Makes the blanks unbreakable that French puts after « and before » : ; ? !; blanks that are
/// not there are not added, since `:` also lives in times and addresses.
#[must_use]
pub fn french_spaces(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut letters = text.chars().peekable();
    let mut previous = ' ';
    while let Some(letter) = letters.next() {
        let next = letters.peek().copied();
        let glued =
            letter == ' ' && (previous == '«' || matches!(next, Some('»' | ':' | ';' | '?' | '!' | '%')));
        out.push(if glued { NBSP } else { letter });
        previous = letter;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::french_spaces;

    #[test]
    fn high_punctuation_keeps_to_its_word() {
        assert_eq!(
            french_spaces("Le « chèque » : qui ? 50 % à 10:30"),
            "Le «\u{a0}chèque\u{a0}»\u{a0}: qui\u{a0}? 50\u{a0}% à 10:30"
        );
    }
}
