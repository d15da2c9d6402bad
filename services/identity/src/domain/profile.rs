//! The shipped portal profiles: settings documents as data, in `profiles/`.

use serde_json::Value;

/// One shipped profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Its name, as `profile` in the settings.
    pub name: &'static str,
    text: &'static str,
}

/// All of them, in the order in which tables of their differences list them.
pub const ALL: [Profile; 5] = [
    Profile { name: "product-help", text: include_str!("../../profiles/product-help.json") },
    Profile { name: "client-cases", text: include_str!("../../profiles/client-cases.json") },
    Profile { name: "service-desk", text: include_str!("../../profiles/service-desk.json") },
    Profile { name: "helpdesk", text: include_str!("../../profiles/helpdesk.json") },
    Profile { name: "agency-support", text: include_str!("../../profiles/agency-support.json") },
];

impl Profile {
    /// The profile of that name.
    pub fn find(name: &str) -> Option<Self> {
        ALL.into_iter().find(|profile| profile.name == name)
    }

    /// The settings document of a new portal of this profile.
    pub fn document(self, slug: &str) -> Value {
        let text = self.text.replace("{slug}", slug).replace("{SLUG}", &slug.to_uppercase());
        // The files are part of the program and a test reads each; an empty object would fail the schema.
        serde_json::from_str(&text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::schema;

    #[test]
    fn every_profile_is_a_whole_and_valid_document() {
        for profile in ALL {
            let document = profile.document("acme-2");
            assert_eq!(schema::problems(&document), [], "{}", profile.name);
            assert_eq!(schema::missing(&document), Vec::<String>::new(), "{}", profile.name);
            assert_eq!(document["profile"], profile.name);
            assert_eq!(document["ticket_prefix"], "ACME-2");
            assert_eq!(document["inbound"]["address"], "support@acme-2.portico.test");
        }
    }

    /// What each calls a status and which policies it has, in the order of [`ALL`].
    #[test]
    fn the_profiles_differ_in_labels_and_policies() {
        let labels = |status: &str| ALL.map(|profile| profile.document("x")["status_labels"][status].as_str().unwrap().to_owned());
        assert_eq!(labels("new"), ["Open", "New", "New", "Open", "New"]);
        assert_eq!(labels("assigned"), ["Open", "Open", "Assigned", "Open", "Assigned"]);
        assert_eq!(labels("waiting_customer"), ["Awaiting your reply", "Pending", "Pending", "On hold", "Waiting For Customer"]);
        assert_eq!(labels("waiting_third_party"), ["Open", "Pending", "Pending", "On hold", "Waiting For {sub_status}"]);
        assert_eq!(labels("pending_support"), ["Open", "Open", "Assigned", "Open", "Pending Support"]);
        assert_eq!(labels("resolved"), ["Solved", "Solved", "Resolved", "Closed", "Resolved"]);
        assert_eq!(labels("closed"), ["Solved", "Solved", "Closed", "Closed", "Closed"]);

        let policy = |name: &str| ALL.map(|profile| profile.document("x")["policies"][name].as_str().unwrap().to_owned());
        assert_eq!(policy("reopen"), ["on_comment", "on_comment", "explicit_with_comment", "on_comment", "on_comment"]);
        assert_eq!(policy("customer_close"), ["never", "never", "when_resolved", "any_time", "any_time"]);
        assert_eq!(policy("survey"), ["ask", "off", "require", "ask", "ask"]);
        assert_eq!(policy("closed_update"), ["follow_up_link", "follow_up_link", "refuse", "auto_new_case", "auto_new_case"]);
        assert_eq!(policy("priority_entry"), ["agents", "matrix", "matrix", "customer", "agents"]);
        let guests = ALL.map(|profile| profile.document("x")["policies"]["guest_requests"].as_bool().unwrap());
        assert_eq!(guests, [false, false, false, true, false]);
        assert_eq!(ALL[0].document("x")["timers"]["auto_close_seconds"], 0);
    }
}
