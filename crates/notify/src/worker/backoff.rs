//! How long to wait before the next try: twice as long each time, with a random part so that a provider that comes
//! back is not met by everybody at once.

use std::time::Duration;

use app::Entropy;
use domain::base::Span;

const FIRST: Span = Span::seconds(2);
const LONGEST: Span = Span::minutes(1);

/// The pause after a failed try that had `earlier` tries before it; at least what the provider asked for.
pub(super) fn pause(entropy: &dyn Entropy, earlier: i64, asked: Option<Duration>) -> Span {
    let doubled = FIRST.0 << earlier.clamp(0, 10);
    let pause = jittered(entropy, doubled.min(LONGEST.0));
    let asked = asked.map_or(0, |a| i64::try_from(a.as_micros()).unwrap_or(i64::MAX));
    Span(pause.max(asked))
}

/// Between a half and the whole.
fn jittered(entropy: &dyn Entropy, most: i64) -> i64 {
    let mut bytes = [0; 4];
    entropy.fill(&mut bytes);
    let half = most / 2;
    half + half * i64::from(u32::from_le_bytes(bytes)) / i64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);

    impl Entropy for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn pauses_double_up_to_a_minute() {
        let seconds = |earlier| pause(&Fixed(255), earlier, None).0 / 1_000_000;
        assert_eq!(
            [0, 1, 2, 3, 4, 5, 6, 60].map(seconds),
            [2, 4, 8, 16, 32, 60, 60, 60]
        );
    }

    #[test]
    fn chance_takes_at_most_half_of_it_off() {
        assert_eq!(pause(&Fixed(0), 0, None), Span::seconds(1));
        assert!(pause(&Fixed(100), 0, None) > Span::seconds(1));
    }

    #[test]
    fn the_provider_may_ask_for_more() {
        assert_eq!(
            pause(&Fixed(0), 0, Some(Duration::from_secs(20))),
            Span::seconds(20)
        );
        assert_eq!(
            pause(&Fixed(255), 5, Some(Duration::from_secs(20))),
            Span::minutes(1)
        );
        assert_eq!(pause(&Fixed(0), 0, Some(Duration::MAX)).0, i64::MAX);
    }
}
