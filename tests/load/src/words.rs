//! Text as help centres have it: some hundred common words, many rare ones, each as often as its rank says. The same seed gives the same
//! text on every machine.

/// Where the common words come from: the demo's own articles.
const SAMPLES: [&str; 5] = [
    include_str!("../../../deploy/local/demo/articles/air-sensor.md"),
    include_str!("../../../deploy/local/demo/articles/cloud.md"),
    include_str!("../../../deploy/local/demo/articles/gateway.md"),
    include_str!("../../../deploy/local/demo/articles/orders.md"),
    include_str!("../../../deploy/local/demo/articles/room-controller.md"),
];
/// Different words in all.
const VOCABULARY: usize = 25_000;
/// Syllables of the rare words: names, codes, products.
const BEGINNINGS: [&str; 16] = ["b", "br", "c", "d", "dr", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v"];
const VOWELS: [&str; 6] = ["a", "e", "i", "o", "u", "ei"];
const ENDS: [&str; 6] = ["", "n", "r", "s", "x", "l"];

/// A number that looks random and depends on nothing but these (splitmix64).
pub fn mix(seed: u64, one: u64, two: u64) -> u64 {
    let mut value = seed.wrapping_add(one.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_add(two.wrapping_mul(0xD1B5_4A32_D192_ED03));
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// One of so many, from 0.
pub fn pick(random: u64, of: usize) -> usize {
    usize::try_from(random % of.max(1) as u64).unwrap_or_default()
}

/// Words, most common first.
#[derive(Debug, Clone)]
pub struct Words {
    seed: u64,
    all: Vec<String>,
}

impl Words {
    /// The words of a seed.
    pub fn new(seed: u64) -> Self {
        let mut seen = std::collections::HashSet::new();
        let texts = SAMPLES.iter().flat_map(|text| text.split(|letter: char| !letter.is_ascii_alphabetic()));
        let common = texts.filter(|word| word.len() > 1).map(str::to_lowercase);
        let mut all: Vec<String> = common.filter(|word| seen.insert(word.clone())).collect();
        for number in 0.. {
            if all.len() >= VOCABULARY {
                break;
            }
            let word = coined(mix(seed, 1, number));
            if seen.insert(word.clone()) {
                all.push(word);
            }
        }
        Self { seed, all }
    }

    /// All of them.
    pub fn all(&self) -> &[String] {
        &self.all
    }

    /// A word by its rank's frequency: the n-th is 1/n as frequent as the first (Zipf).
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // A rank within the vocabulary.
    fn drawn(&self, random: u64) -> &str {
        let part = (random >> 11) as f64 / (1_u64 << 53) as f64;
        let rank = (self.all.len() as f64).powf(part) as usize;
        self.all.get(rank.saturating_sub(1)).map_or("", String::as_str)
    }

    /// A line of words. `about` chooses a handful of them that occur in it again and again, as a text keeps to its subject.
    pub fn text(&self, about: u64, line: u64, length: u64) -> String {
        let word = |place: u64| {
            let random = mix(self.seed, about.wrapping_mul(1009).wrapping_add(line), place);
            if random % 10 < 3 { self.subject(about, random >> 8) } else { self.drawn(mix(random, 2, 3)) }
        };
        (0..length).map(word).collect::<Vec<_>>().join(" ")
    }

    /// One of the twelve words that a text is about.
    fn subject(&self, about: u64, random: u64) -> &str {
        let random = mix(self.seed, about, 0x5eed ^ (random % 12));
        self.all.get(pick(random, self.all.len())).map_or("", String::as_str)
    }

    /// What somebody types who looks for the text about this: two to four words, mostly its own.
    pub fn question(&self, about: u64) -> String {
        let length = 2 + mix(self.seed, about, 7) % 3;
        let word = |place: u64| {
            let random = mix(self.seed, about ^ 0x9e37, place);
            if random % 4 < 3 { self.subject(about, random >> 8) } else { self.drawn(mix(random, 5, 6)) }
        };
        (0..length).map(word).collect::<Vec<_>>().join(" ")
    }
}

fn coined(random: u64) -> String {
    let part = |shift: u32, parts: &[&'static str]| parts[pick(random >> shift, parts.len())];
    let syllable = |shift: u32| [part(shift, &BEGINNINGS), part(shift + 5, &VOWELS), part(shift + 9, &ENDS)].concat();
    (0..2 + u32::from(random & 1 == 1)).map(|number| syllable(3 + number * 15)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_text_and_another_one_another() {
        let (words, again, other) = (Words::new(42), Words::new(42), Words::new(43));
        assert_eq!(words.text(7, 0, 40), again.text(7, 0, 40));
        assert_ne!(words.text(7, 0, 40), other.text(7, 0, 40));
        assert_ne!(words.text(7, 0, 40), words.text(7, 1, 40));
        assert_eq!(words.all().len(), VOCABULARY);
    }

    #[test]
    fn common_words_are_common_and_rare_ones_are_many() {
        let words = Words::new(42);
        let text: String = (0..200).map(|about| words.text(about, 0, 100) + " ").collect();
        let mut counts = std::collections::HashMap::new();
        text.split_whitespace().for_each(|word| *counts.entry(word).or_insert(0) += 1);
        let most = counts.values().max().copied().unwrap_or_default();
        assert!(most > 500, "the most common of 20,000 words occurs {most} times");
        assert!(counts.len() > 3_000, "{} different words", counts.len());
    }

    #[test]
    fn a_question_asks_for_words_of_its_text() {
        let words = Words::new(42);
        let found = (0..100).filter(|about| {
            let text = words.text(*about, 0, 200);
            words.question(*about).split(' ').any(|asked| text.split(' ').any(|word| word == asked))
        });
        assert!(found.count() > 85);
    }
}
