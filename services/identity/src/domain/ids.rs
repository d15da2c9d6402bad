//! Names of identity's things.

use portico_chassis::typed_id;

typed_id!(
    /// A person of one portal.
    PersonId
);
typed_id!(
    /// An organisation of one portal.
    OrganizationId
);
typed_id!(
    /// One sign-in.
    SessionId
);
typed_id!(
    /// A browser, which may hold a sign-in per portal.
    BrowserId
);
typed_id!(
    /// A one-time link.
    LinkId
);
typed_id!(
    /// An invitation.
    InvitationId
);
typed_id!(
    /// A wish for a mail, before it is known whether the address has an account.
    IntakeId
);
