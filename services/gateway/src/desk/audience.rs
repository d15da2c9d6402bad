//! Who may read what the team publishes: the choice that articles and announcements share.

use portico_proto::identity::v1 as identity;
use portico_proto::knowledge::v1::Audience;

use crate::error::Answer;
use crate::portal::home::first;
use crate::portal::posted::Posted;
use crate::portal::view::form::Form;
use crate::portal::view::ui::Choice;
use crate::portal::visit::Visit;

/// Audiences: the form's value, words, and what they mean to the contract.
const AUDIENCES: [(&str, &str, Audience); 4] = [
    ("public", "Everybody", Audience::Public),
    ("customers", "Whoever is signed in", Audience::Customers),
    ("organizations", "Some organisations", Audience::Organizations),
    ("agents", "The team only", Audience::Agents),
];

/// The audiences to choose from.
pub fn choices() -> Vec<Choice> {
    AUDIENCES.iter().map(|(value, label, _)| Choice::new(*value, *label)).collect()
}

/// The words of an audience.
pub fn word(audience: Audience) -> &'static str {
    AUDIENCES.iter().find(|(.., one)| *one == audience).map_or("Everybody", |(_, label, _)| label)
}

/// Organisations to choose from.
///
/// # Errors
/// When identity does not answer.
pub async fn organizations(visit: &Visit) -> Answer<Vec<Choice>> {
    let request = visit.call.grpc(identity::ListOrganizationsRequest { portal: visit.portal(), page: first(100), query: String::new() });
    let answer = visit.call.clients().organizations().list_organizations(request).await?.into_inner();
    Ok(answer.organizations.into_iter().map(|one| Choice::new(one.id, one.name)).collect())
}

/// The form with an audience and its organisations: `audience` and one `org-ID` each.
pub fn filled(form: Form, audience: Audience, organizations: &[String]) -> Form {
    let value = AUDIENCES.iter().find(|(.., one)| *one == audience).map_or("public", |(value, ..)| value);
    organizations.iter().fold(form.with("audience", value), |form, id| form.with(&format!("org-{id}"), "true"))
}

/// What was chosen; organisations count with their audience only.
pub fn chosen(posted: &Posted) -> (Audience, Vec<String>) {
    let audience = AUDIENCES.iter().find(|(value, ..)| *value == posted.value("audience")).map_or(Audience::Public, |(.., one)| *one);
    let organizations = if audience == Audience::Organizations { posted.names_below("org-") } else { Vec::new() };
    (audience, organizations)
}

/// Refuses the choice of some organisations without one.
pub fn check(form: &mut Form, audience: Audience, organizations: &[String]) {
    if audience == Audience::Organizations && organizations.is_empty() {
        form.refuse("audience", "Choose at least one organisation");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_shows_the_audience_and_its_organisations() {
        let form = filled(Form::default(), Audience::Organizations, &["a".into()]);
        assert_eq!((form.value("audience"), form.value("org-a"), form.value("org-b")), ("organizations", "true", ""));
        assert_eq!(word(Audience::Agents), "The team only");
        let mut form = Form::default();
        check(&mut form, Audience::Organizations, &[]);
        assert!(form.error("audience").is_some());
    }
}
