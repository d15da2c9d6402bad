//! Solving the proof of work, as a browser's worker does.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The answer to a challenge: `{token, number}`.
pub fn solve(challenge: &Value) -> Value {
    let salt = challenge["salt"].as_str().expect("a challenge has a salt");
    let difficulty = u32::try_from(challenge["difficulty"].as_u64().expect("a challenge has a difficulty")).expect("a small number");
    let number = (0_u64..).find(|number| zero_bits(&Sha256::digest(format!("{salt}{number}"))) >= difficulty).expect("some number fits");
    json!({"token": challenge["token"], "number": number})
}

fn zero_bits(digest: &[u8]) -> u32 {
    let mut bits = 0;
    for byte in digest {
        bits += byte.leading_zeros();
        if *byte != 0 {
            break;
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_zero_bits_are_counted_over_bytes() {
        assert_eq!(zero_bits(&[0, 0b0001_0000]), 11);
        assert_eq!(zero_bits(&[0xff]), 0);
    }
}
