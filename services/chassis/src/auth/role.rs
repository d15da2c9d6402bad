//! What people are to a portal: words that tokens, rows and rules share. Nothing else is in here, so that a domain may use it.

use serde::{Deserialize, Serialize};

/// What a person may be in a portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// An end user.
    Customer,
    /// Answers requests.
    Agent,
    /// Also runs the portal.
    Admin,
}

impl Role {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Agent => "agent",
            Self::Admin => "admin",
        }
    }

    /// Reads the name; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Customer, Self::Agent, Self::Admin].into_iter().find(|role| role.as_str() == text)
    }

    /// Agents and administrators.
    pub fn is_staff(self) -> bool {
        self != Self::Customer
    }
}

/// Which tickets a customer sees besides those shared with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Their own.
    Own,
    /// All of their organisation's.
    Organization,
}

impl Visibility {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Organization => "organization",
        }
    }

    /// Reads the name; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Own, Self::Organization].into_iter().find(|visibility| visibility.as_str() == text)
    }
}
