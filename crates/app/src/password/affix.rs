//! Words that are dressed up to pass for a password: digits and marks before and behind them, as people choose them.

/// How often somebody guesses at a run of digits that goes up, down or stays, or at a mark.
const USUAL: u64 = 10;
/// The years of two centuries, the near ones first.
const YEAR: u64 = 100;

/// A word, and how many guesses what stands around it takes.
pub(super) struct Dressed<'a> {
    pub word: &'a str,
    pub around: u64,
}

/// What is left of a text without the digits and marks around it; once more for each side with the last of them, where that
/// one can stand for a letter. Nothing for a text without letters or without anything around them.
pub(super) fn undressed(text: &str) -> impl Iterator<Item = Dressed<'_>> {
    let dress = |c: char| !c.is_alphabetic();
    let inner = text.trim_start_matches(dress);
    let before = text.len() - inner.len();
    let behind = before + inner.trim_end_matches(dress).len();
    let letter = |c: &char| STAND_FOR_LETTERS.contains(*c);
    let first = text[..before].chars().next_back().filter(letter);
    let last = text[behind..].chars().next().filter(letter);
    let starts = [Some(before), first.map(|c| before - c.len_utf8())];
    let ends = [Some(behind), last.map(|c| behind + c.len_utf8())];
    let spans = starts.into_iter().flatten().flat_map(move |start| {
        let ends = ends.into_iter().flatten();
        ends.map(move |end| (start, end))
    });
    spans
        .filter(move |(start, end)| before < behind && end - start < text.len())
        .map(move |(start, end)| Dressed {
            word: &text[start..end],
            around: guesses(&text[..start]).saturating_mul(guesses(&text[end..])),
        })
}

/// Digits and marks that are written for letters.
const STAND_FOR_LETTERS: &str = "@48({[<369!1|70$5+2%";

/// How many guesses digits and marks take, run by run.
fn guesses(mut text: &str) -> u64 {
    let mut product = 1_u64;
    while let Some(first) = text.chars().next() {
        let kind = first.is_ascii_digit();
        let length = text
            .find(|c: char| c.is_ascii_digit() != kind)
            .unwrap_or(text.len());
        let (run, rest) = text.split_at(length);
        product = product.saturating_mul(guesses_of_run(run));
        text = rest;
    }
    product
}

fn guesses_of_run(run: &str) -> u64 {
    let codes: Vec<i64> = run.chars().map(|c| i64::from(u32::from(c))).collect();
    let mut steps = codes.windows(2).map(|pair| pair[1] - pair[0]);
    let step = steps.next().unwrap_or_default();
    let is_digits = run.starts_with(|c: char| c.is_ascii_digit());
    let goes_on = steps.all(|other| other == step);
    match step {
        0 if goes_on => USUAL,
        -1 | 1 if goes_on && is_digits => USUAL,
        _ if is_digits && codes.len() == 4 && (run.starts_with("19") || run.starts_with("20")) => YEAR,
        _ => (0..codes.len()).fold(1, |all, _| all.saturating_mul(10)),
    }
}

#[cfg(test)]
mod tests {
    use super::undressed;

    fn taken_off(text: &str) -> Vec<(&str, u64)> {
        undressed(text)
            .map(|dressed| (dressed.word, dressed.around))
            .collect()
    }

    #[test]
    fn digits_and_marks_come_off_and_are_counted_as_people_choose_them() {
        for (text, word, around) in [
            ("Summer2024", "Summer", 100),
            ("Admin@123", "Admin", 100),
            ("Welcome#", "Welcome", 10),
            ("üben_77", "üben", 100),
            ("a.b.c-777777777", "a.b.c", 100),
            ("  word  ", "word", 100),
            ("word5810427", "word", 10_000_000),
            ("word99999999999999999999999", "word", 10),
            ("word58104276310472855813", "word", u64::MAX),
        ] {
            assert_eq!(taken_off(text)[0], (word, around), "{text}");
        }
    }

    #[test]
    fn what_can_stand_for_a_letter_may_belong_to_the_word() {
        assert_eq!(
            taken_off("!$umm3r1!"),
            [
                ("umm3r", 10_000),
                ("umm3r1", 1000),
                ("$umm3r", 1000),
                ("$umm3r1", 100)
            ]
        );
    }

    #[test]
    fn nothing_comes_off_a_text_of_letters_or_of_none() {
        for text in ["", "word", "two words", "2024", "!!!"] {
            assert!(taken_off(text).is_empty(), "{text}");
        }
    }
}
