//! When to stop: pure counts over the answers of one run, in the order in which they came.

use crate::domain::{DigestId, Outcome, SubscriberId};

const DOUBTS_IN_A_ROW: u32 = 5;
const DOUBTS_IN_WINDOW: u32 = 10;
const WINDOW: u32 = 50;
const REFUSALS_IN_A_ROW: usize = 3;
/// Copies that a run may make before their share matters.
const COPIES: u64 = 50;

/// What an answer makes of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    GoOn,
    /// The server keeps letters and does not say so, or loses them.
    TooManyDoubts,
    /// The letter or its sender is refused, whoever the reader: these refusals in a row.
    ItIsUs(Vec<(DigestId, SubscriberId)>),
}

/// Watches one run.
#[derive(Debug, Default)]
pub struct Breaker {
    doubts_in_a_row: u32,
    /// The last fifty answers behind a dot, a bit each: 1 is a doubt.
    window: u64,
    refused: Vec<(DigestId, SubscriberId)>,
    letters: u64,
    copies: u64,
}

impl Breaker {
    /// Takes note of an answer. `dotted` says whether the final dot was written.
    pub fn note(
        &mut self,
        digest: DigestId,
        subscriber: SubscriberId,
        outcome: &Outcome,
        dotted: bool,
    ) -> Verdict {
        if dotted {
            let doubt = matches!(outcome, Outcome::Unknown(_));
            self.doubts_in_a_row = if doubt { self.doubts_in_a_row + 1 } else { 0 };
            self.window = (self.window << 1 | u64::from(doubt)) & ((1 << WINDOW) - 1);
            if self.doubts_in_a_row >= DOUBTS_IN_A_ROW || self.window.count_ones() >= DOUBTS_IN_WINDOW {
                return Verdict::TooManyDoubts;
            }
        }
        match outcome {
            Outcome::Accepted(_) => self.refused.clear(),
            Outcome::LetterRefused(_) => {
                // Refusals of another digest are about another letter.
                self.refused.retain(|(d, s)| *d == digest && *s != subscriber);
                self.refused.push((digest, subscriber));
                if self.refused.len() >= REFUSALS_IN_A_ROW {
                    return Verdict::ItIsUs(std::mem::take(&mut self.refused));
                }
            }
            _ => {}
        }
        Verdict::GoOn
    }

    /// Counts a letter whose dot is about to be written; `false` when too many of them are copies.
    pub fn dot(&mut self, is_copy: bool) -> bool {
        self.letters += 1;
        self.copies += u64::from(is_copy);
        self.copies <= COPIES || self.copies * 5 <= self.letters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(breaker: &mut Breaker, subscriber: i64, outcome: &Outcome) -> Verdict {
        let dotted = matches!(outcome, Outcome::Accepted(_) | Outcome::Unknown(_));
        breaker.note(DigestId(1), SubscriberId(subscriber), outcome, dotted)
    }

    fn lost() -> Outcome {
        Outcome::Unknown("lost".into())
    }

    fn yes() -> Outcome {
        Outcome::Accepted("250".into())
    }

    #[test]
    fn five_doubts_in_a_row_stop_the_run() {
        let mut breaker = Breaker::default();
        for i in 0..4 {
            assert_eq!(note(&mut breaker, i, &lost()), Verdict::GoOn);
        }
        assert_eq!(note(&mut breaker, 9, &yes()), Verdict::GoOn);
        for i in 0..4 {
            assert_eq!(note(&mut breaker, i, &lost()), Verdict::GoOn);
        }
        assert_eq!(note(&mut breaker, 4, &lost()), Verdict::TooManyDoubts);
    }

    #[test]
    fn ten_doubts_among_fifty_stop_the_run() {
        let mut breaker = Breaker::default();
        for i in 0..36 {
            let outcome = if i % 4 == 0 { lost() } else { yes() };
            assert_eq!(note(&mut breaker, i, &outcome), Verdict::GoOn);
        }
        assert_eq!(note(&mut breaker, 99, &lost()), Verdict::TooManyDoubts);
        let mut breaker = Breaker::default();
        for i in 0..500 {
            let outcome = if i % 6 == 0 { lost() } else { yes() };
            assert_eq!(note(&mut breaker, i, &outcome), Verdict::GoOn, "one in six is below ten in fifty");
        }
    }

    #[test]
    fn three_different_readers_refused_for_our_sake_are_us() {
        let mut breaker = Breaker::default();
        let no = || Outcome::LetterRefused("550 5.7.1".into());
        assert_eq!(note(&mut breaker, 1, &no()), Verdict::GoOn);
        assert_eq!(note(&mut breaker, 1, &no()), Verdict::GoOn, "the same reader twice is one");
        assert_eq!(note(&mut breaker, 2, &no()), Verdict::GoOn);
        assert_eq!(note(&mut breaker, 3, &yes()), Verdict::GoOn);
        assert_eq!(note(&mut breaker, 4, &no()), Verdict::GoOn);
        assert_eq!(note(&mut breaker, 5, &Outcome::Deferred("450".into())), Verdict::GoOn);
        assert_eq!(note(&mut breaker, 5, &no()), Verdict::GoOn);
        let three = [4, 5, 6].map(|s| (DigestId(1), SubscriberId(s))).to_vec();
        assert_eq!(note(&mut breaker, 6, &no()), Verdict::ItIsUs(three));
    }

    #[test]
    fn a_run_that_makes_mostly_copies_is_stopped() {
        let mut breaker = Breaker::default();
        assert!((0..50).all(|_| breaker.dot(true)));
        assert!(!breaker.dot(true));
        let mut breaker = Breaker::default();
        assert!((0..10_000).all(|i| breaker.dot(i % 6 == 0)));
    }
}
