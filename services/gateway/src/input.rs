//! Reading what a client sent: every wrong, missing and unknown member is reported at once, each by its name.
//!
//! serde stops at the first error, so bodies are read from a `serde_json::Value` by [`FromJson`], which collects. Bodies and query strings are
//! declared with [`json_body!`](crate::json_body) and [`query_params!`](crate::query_params), one member a line; the same declaration feeds OpenAPI.

use chassis::error::FieldError;
use serde_json::{Map, Value};

/// The members of one JSON object while it is read.
pub type Object = Map<String, Value>;

/// A value that can be read from JSON, reporting everything that is wrong with it.
pub trait FromJson: Sized {
    /// Reads a member that is present. `None` means that at least one error was added.
    fn from_json(value: Value, path: &str, errors: &mut Vec<FieldError>) -> Option<Self>;

    /// What an absent member means; by default that it is required.
    fn absent(path: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        errors.push(FieldError::new(path, "required", format!("{path} is required.")));
        None
    }
}

/// A member of a merge: left out keeps, null clears, a value sets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// The member was left out.
    #[default]
    Keep,
    /// The member was null.
    Clear,
    /// The member had a value.
    Set(T),
}

impl<T> Patch<T> {
    /// `None` keeps, `Some(None)` clears, `Some(Some(_))` sets.
    pub fn into_option(self) -> Option<Option<T>> {
        match self {
            Self::Keep => None,
            Self::Clear => Some(None),
            Self::Set(value) => Some(Some(value)),
        }
    }
}

fn wrong_type(path: &str, wanted: &str, errors: &mut Vec<FieldError>) {
    errors.push(FieldError::new(path, "wrong_type", format!("{path} must be {wanted}.")));
}

/// Refuses what no database text can hold, before it gets anywhere.
pub fn clean_text(text: String, path: &str, errors: &mut Vec<FieldError>) -> Option<String> {
    if text.contains('\0') {
        errors.push(FieldError::new(path, "invalid_characters", format!("{path} contains a NUL character.")));
        return None;
    }
    Some(text)
}

impl FromJson for String {
    fn from_json(value: Value, path: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        match value {
            Value::String(text) => clean_text(text, path, errors),
            _ => {
                wrong_type(path, "a text", errors);
                None
            }
        }
    }
}

impl FromJson for bool {
    fn from_json(value: Value, path: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        let read = value.as_bool();
        if read.is_none() {
            wrong_type(path, "true or false", errors);
        }
        read
    }
}

/// JSON has one kind of number: 4.0 is a whole number too.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let number = value.as_f64()?;
        // 2^53: beyond it a float does not name one whole number.
        (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then_some(number as i64)
    })
}

impl FromJson for i64 {
    fn from_json(value: Value, path: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        let read = whole(&value);
        if read.is_none() {
            wrong_type(path, "a whole number", errors);
        }
        read
    }
}

impl FromJson for i32 {
    fn from_json(value: Value, path: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        let read = i64::from_json(value, path, errors)?;
        let narrow = i32::try_from(read).ok();
        if narrow.is_none() {
            errors.push(FieldError::new(path, "out_of_range", format!("{path} is out of range.")));
        }
        narrow
    }
}

impl FromJson for u64 {
    fn from_json(value: Value, path: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        if let Some(read) = value.as_u64() {
            return Some(read);
        }
        let read = i64::from_json(value, path, errors)?;
        let positive = u64::try_from(read).ok();
        if positive.is_none() {
            errors.push(FieldError::new(path, "out_of_range", format!("{path} must not be negative.")));
        }
        positive
    }
}

impl<T: FromJson> FromJson for Option<T> {
    fn from_json(value: Value, path: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::from_json(value, path, errors).map(Some) }
    }

    fn absent(_path: &str, _errors: &mut Vec<FieldError>) -> Option<Self> {
        Some(None)
    }
}

impl<T: FromJson> FromJson for Patch<T> {
    fn from_json(value: Value, path: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        if value.is_null() { Some(Self::Clear) } else { T::from_json(value, path, errors).map(Self::Set) }
    }

    fn absent(_path: &str, _errors: &mut Vec<FieldError>) -> Option<Self> {
        Some(Self::Keep)
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(value: Value, path: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        let Value::Array(items) = value else {
            wrong_type(path, "a list", errors);
            return None;
        };
        let count = items.len();
        let read: Vec<T> =
            items.into_iter().enumerate().filter_map(|(at, item)| T::from_json(item, &format!("{path}.{at}"), errors)).collect();
        (read.len() == count).then_some(read)
    }
}

impl FromJson for Object {
    fn from_json(value: Value, path: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        match value {
            Value::Object(object) if !contains_nul(&object) => Some(object),
            Value::Object(_) => {
                errors.push(FieldError::new(path, "invalid_characters", format!("{path} contains a NUL character.")));
                None
            }
            _ => {
                wrong_type(path, "an object", errors);
                None
            }
        }
    }
}

fn contains_nul(object: &Object) -> bool {
    fn value_has(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(items) => items.iter().any(value_has),
            Value::Object(members) => contains_nul(members),
            _ => false,
        }
    }
    object.iter().any(|(key, value)| key.contains('\0') || value_has(value))
}

/// An object whose members are taken one by one; what is left over is unknown.
pub struct Members {
    object: Object,
    prefix: String,
}

impl Members {
    /// Opens an object at `path`; the empty path is the body itself.
    pub fn open(value: Value, path: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        match value {
            Value::Object(object) => Some(Self { object, prefix: if path.is_empty() { String::new() } else { format!("{path}.") } }),
            _ => {
                wrong_type(if path.is_empty() { "body" } else { path }, "an object", errors);
                None
            }
        }
    }

    /// Reads and removes a member. `raw_name` may carry Rust's `r#`.
    pub fn take<T: FromJson>(&mut self, raw_name: &str, errors: &mut Vec<FieldError>) -> Option<T> {
        let name = raw_name.strip_prefix("r#").unwrap_or(raw_name);
        let path = format!("{}{name}", self.prefix);
        match self.object.shift_remove(name) {
            Some(value) => T::from_json(value, &path, errors),
            None => T::absent(&path, errors),
        }
    }

    /// Reports every member that nobody took.
    pub fn close(self, errors: &mut Vec<FieldError>) {
        for name in self.object.keys() {
            let path = format!("{}{name}", self.prefix);
            errors.push(FieldError::new(path.clone(), "unknown_field", format!("{path} is not a member of this request.")));
        }
    }
}

/// A value that can be read from one query parameter.
pub trait FromQuery: Sized {
    /// Reads the text of the parameter, `None` when it was left out.
    fn from_query(text: Option<String>, name: &str, errors: &mut Vec<FieldError>) -> Option<Self>;
}

impl<T: FromText> FromQuery for Option<T> {
    fn from_query(text: Option<String>, name: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        match text {
            None => Some(None),
            Some(text) => T::from_text(text, name, errors).map(Some),
        }
    }
}

/// A value that one text can name.
pub trait FromText: Sized {
    /// Reads it or adds an error.
    fn from_text(text: String, name: &str, errors: &mut Vec<FieldError>) -> Option<Self>;
}

impl FromText for String {
    fn from_text(text: String, name: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        clean_text(text, name, errors)
    }
}

impl FromText for bool {
    fn from_text(text: String, name: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        match text.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                errors.push(FieldError::new(name, "invalid", format!("{name} must be true or false.")));
                None
            }
        }
    }
}

impl FromText for u32 {
    fn from_text(text: String, name: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        let read = text.parse().ok();
        if read.is_none() {
            errors.push(FieldError::new(name, "invalid", format!("{name} must be a whole number.")));
        }
        read
    }
}

/// The error for a word that is not among the allowed ones.
pub fn not_one_of(path: &str, allowed: &[&str]) -> FieldError {
    FieldError::new(path, "invalid", format!("{path} must be one of: {}.", allowed.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json_body;
    use serde_json::json;

    json_body! {
        /// A person in a test body.
        pub struct Someone {
            /// Name.
            pub name: String,
            /// Reference.
            pub r#type: Option<String>,
        }
    }

    json_body! {
        /// A body for tests.
        pub struct Sample {
            /// Text.
            pub subject: String,
            /// Whole number.
            pub score: Option<i64>,
            /// Nested.
            pub people: Option<Vec<Someone>>,
            /// Merge member.
            #[schema(value_type = Option<String>)]
            pub group: Patch<String>,
        }
    }

    fn read(value: Value) -> (Option<Sample>, Vec<(String, String)>) {
        let mut errors = Vec::new();
        let sample = Sample::from_json(value, "", &mut errors);
        (sample, errors.into_iter().map(|error| (error.field, error.code.into_owned())).collect())
    }

    #[test]
    fn every_wrong_missing_and_unknown_member_is_reported_at_once() {
        let (sample, errors) = read(json!({"score": "5", "role": "admin", "people": [{"name": 1, "x": 2}, 7], "verified": true}));
        assert!(sample.is_none());
        let expected = [
            ("subject", "required"),
            ("score", "wrong_type"),
            ("people.0.name", "wrong_type"),
            ("people.0.x", "unknown_field"),
            ("people.1", "wrong_type"),
            ("role", "unknown_field"),
            ("verified", "unknown_field"),
        ];
        assert_eq!(errors, expected.map(|(field, code)| (field.to_owned(), code.to_owned())));
    }

    #[test]
    fn a_merge_tells_left_out_from_null_from_a_value() {
        assert_eq!(read(json!({"subject": "s"})).0.map(|sample| sample.group), Some(Patch::Keep));
        assert_eq!(read(json!({"subject": "s", "group": null})).0.map(|sample| sample.group), Some(Patch::Clear));
        assert_eq!(read(json!({"subject": "s", "group": "a"})).0.map(|sample| sample.group), Some(Patch::Set("a".into())));
    }

    #[test]
    fn a_body_that_is_no_object_and_a_nul_are_refused_by_name() {
        assert_eq!(read(json!([1])).1, [("body".to_owned(), "wrong_type".to_owned())]);
        assert_eq!(read(json!({"subject": "a\u{0}b"})).1, [("subject".to_owned(), "invalid_characters".to_owned())]);
    }

    #[test]
    fn a_raw_identifier_is_read_by_its_plain_name_and_whole_floats_count_as_numbers() {
        let (sample, errors) = read(json!({"subject": "s", "score": 4.0, "people": [{"name": "n", "type": "t"}]}));
        assert_eq!(errors, []);
        let sample = sample.unwrap();
        assert_eq!((sample.subject.as_str(), sample.score), ("s", Some(4)));
        let someone = &sample.people.unwrap()[0];
        assert_eq!((someone.name.as_str(), someone.r#type.as_deref()), ("n", Some("t")));
    }
}
