//! English words that say nothing about what is sought.

const WORDS: &[&str] = &[
    "a", "about", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "been", "being", "but", "by", "can", "can't", "could",
    "did", "do", "does", "doesn't", "don't", "for", "from", "had", "has", "have", "he", "her", "him", "his", "how", "i", "i'm", "if", "in",
    "into", "is", "it", "it's", "its", "just", "me", "my", "no", "not", "of", "on", "or", "our", "she", "should", "so", "some", "such",
    "than", "that", "the", "their", "them", "then", "there", "there's", "these", "they", "this", "to", "too", "very", "was", "we", "were",
    "what", "what's", "when", "where", "which", "who", "why", "will", "with", "would", "you", "your",
];

/// Whether a word in lower case is left out of queries and of the index.
#[must_use]
pub fn is_stop(word: &str) -> bool {
    WORDS.binary_search(&word).is_ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_list_is_sorted_so_that_it_can_be_searched() {
        assert!(super::WORDS.is_sorted());
        assert!(super::is_stop("the") && super::is_stop("a") && super::is_stop("your") && !super::is_stop("invoice"));
    }
}
