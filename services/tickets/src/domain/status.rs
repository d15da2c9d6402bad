//! The seven statuses and their three categories.

use super::kinds::closed_enum;

closed_enum!(
    /// Where a ticket stands.
    Status {
        /// Created; nobody owns it yet.
        New = 1 "new",
        /// A group or an agent owns it.
        Assigned = 2 "assigned",
        /// Support asked the customer.
        WaitingCustomer = 3 "waiting_customer",
        /// Waits for the party in `sub_status`.
        WaitingThirdParty = 4 "waiting_third_party",
        /// The customer wrote last.
        PendingSupport = 5 "pending_support",
        /// Answered; still reopenable.
        Resolved = 6 "resolved",
        /// Final.
        Closed = 7 "closed",
    }
);

closed_enum!(
    /// What lists work on.
    StatusCategory {
        /// Somebody works on it.
        Open = 1 "open",
        /// Answered.
        Resolved = 2 "resolved",
        /// Final.
        Closed = 3 "closed",
    }
);

impl Status {
    /// The list this status belongs to.
    pub const fn category(self) -> StatusCategory {
        match self {
            Self::Resolved => StatusCategory::Resolved,
            Self::Closed => StatusCategory::Closed,
            _ => StatusCategory::Open,
        }
    }

    /// Whether somebody still works on it.
    pub const fn is_open(self) -> bool {
        matches!(self.category(), StatusCategory::Open)
    }

    /// The product's own word, where the portal has none.
    pub const fn default_label(self) -> &'static str {
        match self {
            Self::New => "New",
            Self::Assigned => "Assigned",
            Self::WaitingCustomer => "Waiting for you",
            Self::WaitingThirdParty => "Waiting for {sub_status}",
            Self::PendingSupport => "Pending support",
            Self::Resolved => "Resolved",
            Self::Closed => "Closed",
        }
    }

    /// What the status means, for the customer to read (LC-1).
    pub const fn definition(self) -> &'static str {
        match self {
            Self::New => "We have received your request. Nobody has taken it on yet.",
            Self::Assigned => "Somebody in our team is working on your request.",
            Self::WaitingCustomer => "We asked you something and wait for your answer.",
            Self::WaitingThirdParty => "We wait for somebody else before we can go on.",
            Self::PendingSupport => "You wrote last. We will look at it and answer.",
            Self::Resolved => "We gave an answer or a solution. You can still tell us if it does not help.",
            Self::Closed => "The request is finished and can no longer be changed. You can make a follow-up.",
        }
    }

    /// The word that people read: the portal's or ours, with the party filled in.
    pub fn label(self, portals: Option<&str>, sub_status: Option<&str>) -> String {
        let template = portals.filter(|label| !label.trim().is_empty()).unwrap_or(self.default_label());
        template.replace("{sub_status}", sub_status.unwrap_or("somebody else"))
    }
}

impl StatusCategory {
    /// The statuses of the category.
    pub fn statuses(self) -> Vec<Status> {
        Status::ALL.iter().copied().filter(|status| status.category() == self).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_one_category_and_a_definition() {
        let all: usize = StatusCategory::ALL.iter().map(|category| category.statuses().len()).sum();
        assert_eq!(all, Status::ALL.len());
        assert!(Status::ALL.iter().all(|status| !status.definition().is_empty()));
    }

    #[test]
    fn the_third_party_is_named_in_the_label() {
        assert_eq!(Status::WaitingThirdParty.label(Some("Waiting For {sub_status}"), Some("Hetzner")), "Waiting For Hetzner");
        assert_eq!(Status::WaitingThirdParty.label(Some(" "), Some("Hetzner")), "Waiting for Hetzner");
        assert_eq!(Status::Resolved.label(Some("Solved"), None), "Solved");
    }
}
