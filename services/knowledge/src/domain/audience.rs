//! Who may read what.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::problem::Problem;
use super::search::document::Reader;

/// Organisations that one thing may be meant for.
const MOST_ORGANIZATIONS: usize = 100;

/// Whom something is meant for. Agents and administrators read everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Everybody, guests too.
    Public,
    /// Whoever is signed in.
    Customers,
    /// Agents and administrators.
    Agents,
    /// Members of these organisations.
    Organizations(Vec<Uuid>),
}

impl Audience {
    /// The word in tables, events and the API.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Customers => "customers",
            Self::Agents => "agents",
            Self::Organizations(_) => "organizations",
        }
    }

    /// From its stored word and organisations; an unknown word is nobody's but the agents'.
    #[must_use]
    pub fn from_word(word: &str, organizations: Vec<Uuid>) -> Self {
        match word {
            "public" => Self::Public,
            "customers" => Self::Customers,
            "organizations" => Self::Organizations(organizations),
            _ => Self::Agents,
        }
    }

    /// The organisations, if it names some.
    #[must_use]
    pub fn organizations(&self) -> &[Uuid] {
        match self {
            Self::Organizations(ids) => ids,
            _ => &[],
        }
    }

    /// The groups of people that may read it.
    #[must_use]
    pub fn readers(&self) -> Vec<Reader> {
        match self {
            Self::Public => vec![Reader::Anybody],
            Self::Customers => vec![Reader::SignedIn],
            Self::Agents => vec![Reader::Staff],
            Self::Organizations(ids) => ids.iter().map(|id| Reader::Organization(id.to_string())).chain([Reader::Staff]).collect(),
        }
    }

    /// Adds what is wrong with it.
    pub fn check(&self, problems: &mut Vec<Problem>) {
        if let Self::Organizations(ids) = self
            && (ids.is_empty() || ids.len() > MOST_ORGANIZATIONS)
        {
            problems.push(Problem::new("organizations", "invalid", format!("Name 1 to {MOST_ORGANIZATIONS} organizations.")));
        }
    }
}

/// Somebody who reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Viewer {
    /// Not signed in.
    Guest,
    /// A customer, of an organisation perhaps.
    Customer {
        /// The organisation.
        organization: Option<Uuid>,
    },
    /// An agent or administrator, the operator, another service.
    Staff,
}

impl Viewer {
    /// The groups that the viewer belongs to.
    #[must_use]
    pub fn groups(&self) -> Vec<Reader> {
        match self {
            Self::Guest => vec![Reader::Anybody],
            Self::Customer { organization } => {
                let own = organization.map(|id| Reader::Organization(id.to_string()));
                [Reader::Anybody, Reader::SignedIn].into_iter().chain(own).collect()
            }
            Self::Staff => vec![Reader::Anybody, Reader::SignedIn, Reader::Staff],
        }
    }

    /// Agents and administrators see drafts and what is not valid now.
    #[must_use]
    pub fn is_staff(&self) -> bool {
        *self == Self::Staff
    }

    /// Whether something of this audience may be read, published and valid as it may be.
    #[must_use]
    pub fn may_read(&self, audience: &Audience) -> bool {
        let groups = self.groups();
        audience.readers().iter().any(|reader| groups.contains(reader))
    }
}

#[cfg(test)]
mod tests {
    use super::{Audience, Viewer};
    use uuid::Uuid;

    #[test]
    fn everybody_reads_what_is_meant_for_them_and_nothing_else() {
        let (acme, globex) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let audiences = [Audience::Public, Audience::Customers, Audience::Agents, Audience::Organizations(vec![acme])];
        let reads = |viewer: Viewer| audiences.each_ref().map(|audience| viewer.may_read(audience));
        assert_eq!(reads(Viewer::Guest), [true, false, false, false]);
        assert_eq!(reads(Viewer::Customer { organization: None }), [true, true, false, false]);
        assert_eq!(reads(Viewer::Customer { organization: Some(acme) }), [true, true, false, true]);
        assert_eq!(reads(Viewer::Customer { organization: Some(globex) }), [true, true, false, false]);
        assert_eq!(reads(Viewer::Staff), [true, true, true, true]);
    }

    #[test]
    fn organizations_must_be_named() {
        let mut problems = Vec::new();
        Audience::Organizations(Vec::new()).check(&mut problems);
        assert_eq!(problems[0].field, "organizations");
    }
}
