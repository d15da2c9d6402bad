//! The closed sets of words that tickets are described with. Codes are stored and travel in the contracts; they never change.

/// Declares a closed enum whose values have a stored code and a snake_case name.
macro_rules! closed_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $code:literal $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$variant_meta])* $variant = $code,)+
        }

        impl $name {
            /// Every value, by code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// What is stored; also the number of the value in the contract.
            pub const fn code(self) -> i16 {
                self as i16
            }

            /// What people and programs read.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// The value of a code; `None` for an unknown one.
            pub fn from_code(code: i16) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.code() == code)
            }

            /// The value of a name; `None` for an unknown one.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.name() == name)
            }
        }
    };
}
pub(crate) use closed_enum;

closed_enum!(
    /// What kind of thing the customer asks for.
    TicketType {
        /// Asks for a service.
        Request = 1 "request",
        /// Something does not work.
        Incident = 2 "incident",
        /// Wants to know something.
        Question = 3 "question",
        /// The cause behind incidents.
        Problem = 4 "problem",
    }
);

closed_enum!(
    /// Impact or urgency.
    Level {
        /// Little.
        Low = 1 "low",
        /// In between.
        Medium = 2 "medium",
        /// Much.
        High = 3 "high",
    }
);

closed_enum!(
    /// How soon support should look.
    Priority {
        /// When there is time.
        Low = 1 "low",
        /// In turn.
        Normal = 2 "normal",
        /// Before the others.
        High = 3 "high",
        /// Now.
        Urgent = 4 "urgent",
    }
);

closed_enum!(
    /// How something came in.
    Channel {
        /// A person's session.
        Portal = 1 "portal",
        /// The inbound mail door.
        Email = 2 "email",
        /// An API token.
        Api = 3 "api",
        /// An agent made it for somebody.
        Agent = 4 "agent",
        /// From the community.
        Community = 5 "community",
    }
);

closed_enum!(
    /// Why a ticket was resolved or closed.
    Reason {
        /// The answer was given.
        Answered = 1 "answered",
        /// There is a way around it.
        Workaround = 2 "workaround",
        /// Another ticket is about it.
        Duplicate = 3 "duplicate",
        /// Could not be seen again.
        NotReproducible = 4 "not_reproducible",
        /// The customer took it back.
        CustomerWithdrew = 5 "customer_withdrew",
        /// None of these.
        Other = 6 "other",
        /// The auto-resolve timer.
        NoCustomerReply = 7 "no_customer_reply",
        /// The auto-close timer.
        ResolvedExpired = 8 "resolved_expired",
        /// The customer's own close.
        CustomerClosed = 9 "customer_closed",
    }
);

impl Reason {
    /// Whether an agent may give it; the others are set by timers and the customer's close.
    pub const fn is_agents(self) -> bool {
        (self as i16) <= (Self::Other as i16)
    }
}

closed_enum!(
    /// Who reads an item.
    Visibility {
        /// Everybody who sees the ticket.
        Public = 1 "public",
        /// Agents only.
        Internal = 2 "internal",
    }
);

closed_enum!(
    /// What a timeline item is about.
    ItemKind {
        /// The request itself.
        Created = 1 "created",
        /// A comment or note.
        Comment = 2 "comment",
        /// The status moved.
        StatusChange = 3 "status_change",
        /// Fields were changed.
        Change = 4 "change",
        /// A file came in by itself.
        File = 5 "file",
        /// Two tickets became one.
        Merge = 6 "merge",
        /// A follow-up was made.
        FollowUp = 7 "follow_up",
        /// The customer rated.
        Satisfaction = 8 "satisfaction",
        /// Somebody was added or removed.
        Collaborator = 9 "collaborator",
    }
);

closed_enum!(
    /// Whether a file may be downloaded.
    ScanState {
        /// Not yet.
        Quarantined = 1 "quarantined",
        /// Yes.
        Clean = 2 "clean",
        /// Never.
        Infected = 3 "infected",
    }
);

closed_enum!(
    /// What a collaborator may do.
    Access {
        /// Read.
        Read = 1 "read",
        /// Read and comment.
        Write = 2 "write",
    }
);

closed_enum!(
    /// Whether a collaborator sees the ticket.
    CollaboratorState {
        /// A Cc of inbound mail: sees nothing.
        Pending = 1 "pending",
        /// Sees it.
        Active = 2 "active",
    }
);

closed_enum!(
    /// What a timer does.
    DueKind {
        /// Reminds the customer that support waits.
        Reminder = 1 "reminder",
        /// Resolves a ticket whose customer did not answer.
        AutoResolve = 2 "auto_resolve",
        /// Reminds that the close is near.
        CloseReminder = 3 "close_reminder",
        /// Closes a resolved ticket.
        AutoClose = 4 "auto_close",
    }
);

closed_enum!(
    /// Who somebody is in a portal.
    Role {
        /// An end user.
        Customer = 1 "customer",
        /// Answers tickets.
        Agent = 2 "agent",
        /// Runs the portal.
        Admin = 3 "admin",
        /// No person: timers and rules.
        System = 4 "system",
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_lead_back_to_their_value() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.code()), Some(*reason));
            assert_eq!(Reason::from_name(reason.name()), Some(*reason));
        }
        assert_eq!(Priority::from_code(0), None);
        assert_eq!(Priority::from_name("huge"), None);
    }

    #[test]
    fn agents_give_six_reasons() {
        assert_eq!(Reason::ALL.iter().filter(|reason| reason.is_agents()).count(), 6);
    }
}
