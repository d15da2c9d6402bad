//! What a caller shows instead of being signed in: the answer to a captcha, the token of a one-time link.

use chassis::error::FieldError;
use serde_json::Value;
use utoipa::ToSchema;

use crate::input::{FromJson, Members};

/// The answer to a captcha challenge: the number that was found, or the code of its picture or sound.
#[derive(Debug, Clone, ToSchema)]
pub struct Captcha {
    /// `token` of the challenge.
    pub token: String,
    /// The whole number found.
    pub number: Option<u64>,
    /// The code read or heard.
    pub code: Option<String>,
}

impl FromJson for Captcha {
    /// Whatever is wrong inside, the field is `captcha` itself: a form has one place to say so.
    fn from_json(value: Value, path: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        let mut inside = Vec::new();
        let read = Self::members(value, path, &mut inside);
        let Some(first) = inside.first() else { return read };
        let code = if inside.iter().all(|error| error.code == "unknown_field") { "unknown_field".into() } else { first.code.clone() };
        let message = inside.iter().map(|error| error.message.as_str()).collect::<Vec<_>>().join(" ");
        errors.push(FieldError::new(path, code, message));
        None
    }
}

/// The token of a one-time link. Anything that is not the text of a living link is a link that does not work, so reading one never fails (S11).
#[derive(Debug, Clone)]
pub struct LinkToken(pub String);

impl FromJson for LinkToken {
    fn from_json(value: Value, _path: &str, _errors: &mut Vec<FieldError>) -> Option<Self> {
        Some(Self(value.as_str().filter(|text| !text.contains('\0')).unwrap_or_default().to_owned()))
    }

    fn absent(_path: &str, _errors: &mut Vec<FieldError>) -> Option<Self> {
        Some(Self(String::new()))
    }
}

impl Captcha {
    fn members(value: Value, path: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        let mut members = Members::open(value, path, errors)?;
        let (token, number, code) = (members.take("token", errors), members.take("number", errors), members.take("code", errors));
        members.close(errors);
        Some(Self { token: token?, number: number?, code: code? })
    }

    /// The number in decimal; empty when a code is given.
    pub fn number_text(&self) -> String {
        self.number.map(|number| number.to_string()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_wrong_with_a_captcha_the_field_is_captcha() {
        for bad in [
            serde_json::json!(7),
            serde_json::json!({"token": 1, "number": 1}),
            serde_json::json!({"token": "t", "number": -1}),
            serde_json::json!({"token": "t", "number": "x"}),
            serde_json::json!({"token": "t", "x": 1}),
            serde_json::json!({"number": 1}),
        ] {
            let mut errors = Vec::new();
            assert!(Captcha::from_json(bad.clone(), "captcha", &mut errors).is_none(), "{bad} was taken");
            assert_eq!(errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), ["captcha"], "{bad}");
        }
        let good = serde_json::json!({"token": "t", "number": 12});
        assert_eq!(Captcha::from_json(good, "captcha", &mut Vec::new()).unwrap().number_text(), "12");
    }

    #[test]
    fn anything_that_is_no_text_is_a_link_that_does_not_work_s11() {
        let mut errors = Vec::new();
        for odd in [Value::Null, serde_json::json!([]), serde_json::json!(7), serde_json::json!({"a": 1}), serde_json::json!("a\u{0}b")] {
            assert_eq!(LinkToken::from_json(odd, "token", &mut errors).unwrap().0, "");
        }
        assert_eq!(LinkToken::absent("token", &mut errors).unwrap().0, "");
        assert_eq!(LinkToken::from_json(serde_json::json!("abc"), "token", &mut errors).unwrap().0, "abc");
        assert!(errors.is_empty());
    }
}
