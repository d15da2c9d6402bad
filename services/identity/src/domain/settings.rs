//! The settings document of a portal, and what identity itself reads from it.

use serde_json::Value;
use time::Duration;

use super::merge::{complete, merge};
use super::profile::Profile;
use super::schema::{self, Problem};

/// A whole and valid settings document.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings(Value);

/// Members that belong to the portal and not to its profile: a change of profile keeps them.
const OWN: [&str; 5] = ["locales", "branding", "inbound", "limits", "ticket_prefix"];

/// Which members other services obey: they are asked before such a member changes. What is in nobody's list is identity's own or the
/// gateway's, and the schema is all there is to say about it.
const READERS: [(&str, &[&str]); 4] = [
    ("tickets", &["/policies", "/timers", "/status_labels", "/ticket_prefix", "/words", "/limits/tickets_per_hour_per_person"]),
    ("knowledge", &["/locales", "/features/announcements", "/features/community"]),
    ("community", &["/features/community", "/limits/topics_per_hour_per_person", "/limits/comments_per_hour_per_person"]),
    ("notifier", &["/inbound"]),
];

impl Settings {
    /// The document of a new portal.
    pub fn new(profile: Profile, slug: &str) -> Self {
        Self(profile.document(slug))
    }

    /// Takes a document over from the database; what a later version of the program added comes from the profile.
    pub fn stored(mut document: Value, slug: &str) -> Self {
        let profile = document.get("profile").and_then(Value::as_str).and_then(Profile::find);
        if let Some(profile) = profile {
            complete(&mut document, &profile.document(slug));
        }
        Self(document)
    }

    /// The document with a merge patch applied (RFC 7396). Another `profile` first puts all its policies, words and timers in force;
    /// null puts a member back to what the profile ships. Nothing is applied when anything is wrong.
    pub fn patched(&self, patch: &Value, slug: &str) -> Result<Self, Vec<Problem>> {
        let problems = schema::problems(patch);
        if !problems.is_empty() {
            return Err(problems);
        }
        let wanted = patch.get("profile").and_then(Value::as_str).unwrap_or(self.profile());
        let Some(profile) = Profile::find(wanted) else {
            return Err(vec![Problem { field: "profile".into(), code: "invalid", message: "There is no such profile.".into() }]);
        };
        let shipped = profile.document(slug);
        let mut document = self.0.clone();
        if wanted != self.profile() {
            document = shipped.clone();
            for key in OWN {
                if let Some(value) = self.0.get(key) {
                    document[key] = value.clone();
                }
            }
        }
        merge(&mut document, patch);
        complete(&mut document, &shipped);
        let problems = schema::problems(&document);
        if problems.is_empty() { Ok(Self(document)) } else { Err(problems) }
    }

    /// Top-level members in which two documents differ.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let (Value::Object(own), Value::Object(theirs)) = (&self.0, &other.0) else { return Vec::new() };
        own.iter().filter(|(key, value)| theirs.get(*key) != Some(value)).map(|(key, _)| key.clone()).collect()
    }

    /// The services that obey a member in which two documents differ.
    pub fn readers_of_changes(&self, before: &Self) -> Vec<&'static str> {
        let differs = |pointer: &&str| self.0.pointer(pointer) != before.0.pointer(pointer);
        READERS.iter().filter(|(_, members)| members.iter().any(differs)).map(|(service, _)| *service).collect()
    }

    /// The JSON document.
    pub fn document(&self) -> &Value {
        &self.0
    }

    /// The profile's name.
    pub fn profile(&self) -> &str {
        self.text("/profile")
    }

    /// Whether strangers may sign up: the switch and the policy both say so (IA-18).
    pub fn sign_up_is_open(&self) -> bool {
        self.flag("/features/signup") && self.first_contact("sign_up")
    }

    /// Whether the policy allows this way to an account.
    pub fn first_contact(&self, way: &str) -> bool {
        self.0.pointer("/policies/first_contact").and_then(Value::as_array).is_some_and(|ways| ways.iter().any(|w| w == way))
    }

    /// Whether guests may submit requests.
    pub fn guest_requests(&self) -> bool {
        self.flag("/policies/guest_requests")
    }

    /// What a new member sees: `own` or `organization`.
    pub fn default_visibility(&self) -> &str {
        self.text("/policies/visibility")
    }

    /// Ways to sign in or to get an account that work in this portal.
    pub fn sign_in_methods(&self) -> Vec<String> {
        let mut methods = vec!["password".to_owned()];
        methods.extend(["invite", "auto_invite"].into_iter().filter(|way| self.first_contact(way)).map(str::to_owned));
        if self.sign_up_is_open() {
            methods.push("sign_up".to_owned());
        }
        methods
    }

    /// The language of people who chose none.
    pub fn default_locale(&self) -> &str {
        let locale = self.text("/locales/0");
        if locale.is_empty() { "en" } else { locale }
    }

    /// Whether the portal speaks this language.
    pub fn has_locale(&self, tag: &str) -> bool {
        self.locales().any(|locale| locale == tag)
    }

    /// Languages, the default first.
    pub fn locales(&self) -> impl Iterator<Item = &str> {
        self.0.get("locales").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    /// A limit by its name; 0 when there is none of that name.
    pub fn limit(&self, name: &str) -> i64 {
        self.0.get("limits").and_then(|limits| limits.get(name)).and_then(Value::as_i64).unwrap_or(0)
    }

    /// How long a session lives without being used.
    pub fn session_idle(&self) -> Duration {
        Duration::seconds(self.limit("session_idle_seconds"))
    }

    /// How long a session lives at most.
    pub fn session_absolute(&self) -> Duration {
        Duration::seconds(self.limit("session_absolute_seconds"))
    }

    /// A text by its JSON pointer; empty when there is none.
    pub fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// A switch by its JSON pointer.
    pub fn flag(&self, pointer: &str) -> bool {
        self.0.pointer(pointer).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The texts of an object of texts, such as `words`.
    pub fn texts(&self, key: &str) -> Vec<(String, String)> {
        let object = self.0.get(key).and_then(Value::as_object);
        object.into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn helpdesk() -> Settings {
        Settings::new(Profile::find("helpdesk").unwrap(), "demo")
    }

    #[test]
    fn a_patch_changes_what_it_names_and_nothing_else() {
        let before = helpdesk();
        let after = before.patched(&json!({"timers": {"auto_resolve_seconds": 3}}), "demo").unwrap();
        assert_eq!(after.document()["timers"]["auto_resolve_seconds"], 3);
        assert_eq!(after.document()["timers"]["auto_close_seconds"], 259_200);
        assert_eq!(after.differences(&before), ["timers"]);
    }

    #[test]
    fn null_puts_back_what_the_profile_ships() {
        let changed = helpdesk().patched(&json!({"words": {"ticket": "Vorgang"}, "ticket_prefix": "X"}), "demo").unwrap();
        let back = changed.patched(&json!({"words": {"ticket": null}, "ticket_prefix": null}), "demo").unwrap();
        assert_eq!(back.differences(&helpdesk()), Vec::<String>::new());
    }

    #[test]
    fn a_wrong_patch_changes_nothing() {
        let problems = helpdesk().patched(&json!({"timers": {"auto_close_seconds": 5}, "colour": "red"}), "demo").unwrap_err();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].field, "colour");
        assert!(helpdesk().patched(&json!("x"), "demo").is_err());
    }

    #[test]
    fn another_profile_brings_its_policies_and_keeps_what_is_the_portals_own() {
        let mine = helpdesk().patched(&json!({"ticket_prefix": "ACME", "limits": {"upload_bytes": 5}}), "demo").unwrap();
        let desk = mine.patched(&json!({"profile": "service-desk", "policies": {"survey": "off"}}), "demo").unwrap();
        assert_eq!(desk.text("/policies/reopen"), "explicit_with_comment");
        assert_eq!(desk.text("/policies/survey"), "off");
        assert_eq!(desk.text("/ticket_prefix"), "ACME");
        assert_eq!(desk.limit("upload_bytes"), 5);
        assert!(!desk.sign_up_is_open());
    }

    #[test]
    fn sign_up_needs_the_switch_and_the_policy() {
        assert!(helpdesk().sign_up_is_open());
        assert!(!helpdesk().patched(&json!({"features": {"signup": false}}), "demo").unwrap().sign_up_is_open());
        assert!(!helpdesk().patched(&json!({"policies": {"first_contact": ["invite"]}}), "demo").unwrap().sign_up_is_open());
    }

    #[test]
    fn only_those_are_asked_whose_part_changes() {
        let asked = |patch: Value| helpdesk().patched(&patch, "demo").unwrap().readers_of_changes(&helpdesk());
        assert_eq!(asked(json!({"timers": {"auto_resolve_seconds": 5}})), ["tickets"]);
        assert_eq!(asked(json!({"features": {"community": false}})), ["knowledge", "community"]);
        assert_eq!(asked(json!({"inbound": {"address": "help@acme.test"}})), ["notifier"]);
        assert_eq!(asked(json!({"branding": {"accent": "#123456"}, "limits": {"upload_bytes": 7}})), [""; 0]);
    }

    #[test]
    fn a_stored_document_of_an_older_program_is_completed() {
        let mut old = helpdesk().document().clone();
        old.as_object_mut().unwrap().remove("branding");
        assert_eq!(Settings::stored(old, "demo"), helpdesk());
    }

    /// Names and values that a patch may be made of, right and wrong ones.
    fn pieces() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-z_#0-9]{0,8}".prop_map(Value::from),
            Just(json!("never")),
            Just(json!(["invite"])),
            Just(json!([1, 2])),
        ];
        let keys = prop::sample::select(vec![
            "timers",
            "policies",
            "words",
            "reopen",
            "auto_resolve_seconds",
            "ticket",
            "locales",
            "profile",
            "x",
        ]);
        leaf.prop_recursive(3, 24, 4, move |inner| {
            prop::collection::vec((keys.clone(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()))
        })
    }

    proptest! {
        /// Whatever is patched in, the document stays whole and valid, or nothing is changed.
        #[test]
        fn no_patch_breaks_the_document(patch in pieces()) {
            if let Ok(after) = helpdesk().patched(&patch, "demo") {
                prop_assert_eq!(crate::domain::schema::problems(after.document()), []);
                prop_assert_eq!(crate::domain::schema::missing(after.document()), Vec::<String>::new());
            }
        }
    }
}
