//! The demo's people, with a password that is exempt from the rules: only the operator of a development stack may do that.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use portico_proto::common::v1::{Role, Visibility};
use portico_proto::identity::v1::people_service_client::PeopleServiceClient;
use portico_proto::identity::v1::{ImportPeopleRequest, ImportedPerson};

use super::data::DemoPerson;
use super::{PASSWORD, PORTAL};
use crate::operator;
use crate::status::Status;

/// Makes the accounts, or brings them to what the data say; returns their ids by address.
pub async fn import(status: &Status, people: &[DemoPerson]) -> Result<BTreeMap<String, String>> {
    let mut client = PeopleServiceClient::new(operator::channel(status, "identity").await?);
    let message = ImportPeopleRequest {
        portal: PORTAL.to_owned(),
        request_id: "demo-people".to_owned(),
        people: people.iter().map(imported).collect(),
    };
    let answer = client.import_people(operator::request(status, message)?).await.context("the people cannot be made")?;
    Ok(answer.into_inner().people.into_iter().map(|person| (person.email, person.id)).collect())
}

fn imported(person: &DemoPerson) -> ImportedPerson {
    let role = match person.role.as_str() {
        "admin" => Role::Admin,
        "agent" => Role::Agent,
        _ => Role::Customer,
    };
    let visibility = match person.visibility.as_str() {
        "organization" => Visibility::Organization,
        "own" => Visibility::Own,
        _ => Visibility::Unspecified,
    };
    ImportedPerson {
        email: person.email.clone(),
        name: person.name.clone(),
        role: role.into(),
        organization: person.organization.clone(),
        visibility: visibility.into(),
        password: PASSWORD.to_owned(),
        locale: "en".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
    }
}
