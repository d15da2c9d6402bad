//! Who may call what. A method without a row is closed, and a test fails for it.

use portico_chassis::grpc::Permission::{self, Admin, Operator, Public, Services, SignedIn, Staff};

const ALL: Permission = Services(&["tickets", "knowledge", "community", "notifier", "gateway"]);

/// One row a method.
pub const PERMISSIONS: &[(&str, Permission)] = &[
    ("/portico.identity.v1.PortalsService/CreatePortal", Operator),
    ("/portico.identity.v1.PortalsService/GetPortal", Public),
    ("/portico.identity.v1.PortalsService/ListPortals", ALL),
    ("/portico.identity.v1.PortalsService/GetSettings", Admin),
    ("/portico.identity.v1.PortalsService/PatchSettings", Admin),
    ("/portico.identity.v1.PortalsService/ListSettings", ALL),
    ("/portico.identity.v1.PortalsService/GetInboundSecret", Services(&["gateway", "notifier"])),
    ("/portico.identity.v1.PortalsService/ListInboundSecrets", Operator),
    ("/portico.identity.v1.CaptchaService/IssueCaptcha", Public),
    ("/portico.identity.v1.CaptchaService/GetCaptchaImage", Public),
    ("/portico.identity.v1.CaptchaService/GetCaptchaAudio", Public),
    ("/portico.identity.v1.CaptchaService/VerifyCaptcha", Services(&["tickets", "gateway"])),
    ("/portico.identity.v1.CaptchaService/InspectCaptcha", Services(&["gateway"])),
    ("/portico.identity.v1.AccountsService/SignUp", Public),
    ("/portico.identity.v1.AccountsService/Register", Public),
    ("/portico.identity.v1.AccountsService/RequestPasswordReset", Public),
    ("/portico.identity.v1.AccountsService/ConfirmPasswordReset", Public),
    ("/portico.identity.v1.AccountsService/ConfirmAddress", Public),
    ("/portico.identity.v1.AccountsService/InspectLink", Public),
    ("/portico.identity.v1.AccountsService/RenewLink", Public),
    ("/portico.identity.v1.SessionsService/Login", Public),
    ("/portico.identity.v1.SessionsService/Refresh", Public),
    ("/portico.identity.v1.SessionsService/Logout", SignedIn),
    ("/portico.identity.v1.SessionsService/ResolveSession", Services(&["gateway"])),
    ("/portico.identity.v1.SessionsService/ListSessions", SignedIn),
    ("/portico.identity.v1.SessionsService/EndSession", SignedIn),
    ("/portico.identity.v1.PeopleService/BatchGetPeople", ALL),
    ("/portico.identity.v1.PeopleService/EnsurePerson", ALL),
    ("/portico.identity.v1.PeopleService/FindPeopleByEmail", ALL),
    ("/portico.identity.v1.PeopleService/SnapshotPeople", ALL),
    ("/portico.identity.v1.PeopleService/GetMe", SignedIn),
    ("/portico.identity.v1.PeopleService/UpdateMe", SignedIn),
    ("/portico.identity.v1.PeopleService/ChangePassword", SignedIn),
    ("/portico.identity.v1.PeopleService/ListPeople", Staff),
    ("/portico.identity.v1.PeopleService/GetPerson", Staff),
    ("/portico.identity.v1.PeopleService/UpdatePerson", Staff),
    ("/portico.identity.v1.PeopleService/ImportPeople", Operator),
    ("/portico.identity.v1.InvitationsService/CreateInvitation", SignedIn),
    ("/portico.identity.v1.InvitationsService/ResendInvitation", SignedIn),
    ("/portico.identity.v1.InvitationsService/RevokeInvitation", SignedIn),
    ("/portico.identity.v1.InvitationsService/ListInvitations", SignedIn),
    ("/portico.identity.v1.OrganizationsService/CreateOrganization", Staff),
    ("/portico.identity.v1.OrganizationsService/GetOrganization", SignedIn),
    ("/portico.identity.v1.OrganizationsService/ListOrganizations", Staff),
    ("/portico.identity.v1.OrganizationsService/ListMembers", SignedIn),
    ("/portico.identity.v1.OrganizationsService/SetMember", Staff),
    ("/portico.identity.v1.OrganizationsService/RemoveMember", Staff),
    ("/portico.identity.v1.RevocationService/ListRevocations", ALL),
    ("/portico.common.v1.RenderService/RenderFor", Services(&["notifier"])),
];

#[cfg(test)]
mod tests {
    use portico_chassis::testing::check_permissions;

    use super::{PERMISSIONS, Permission};

    /// S01: who may call what, a second time. A row that is loosened, or tightened, must be changed here too, and so be meant.
    #[test]
    fn every_method_is_open_to_whom_it_is_meant_for() {
        let meant = [
            (
                Permission::Public,
                "PortalsService/GetPortal CaptchaService/IssueCaptcha CaptchaService/GetCaptchaImage \
                 CaptchaService/GetCaptchaAudio AccountsService/SignUp AccountsService/Register \
                 AccountsService/RequestPasswordReset AccountsService/ConfirmPasswordReset AccountsService/ConfirmAddress \
                 AccountsService/InspectLink AccountsService/RenewLink SessionsService/Login SessionsService/Refresh",
            ),
            (
                Permission::SignedIn,
                "SessionsService/Logout SessionsService/ListSessions SessionsService/EndSession PeopleService/GetMe \
                 PeopleService/UpdateMe PeopleService/ChangePassword InvitationsService/CreateInvitation \
                 InvitationsService/ResendInvitation InvitationsService/RevokeInvitation InvitationsService/ListInvitations \
                 OrganizationsService/GetOrganization OrganizationsService/ListMembers",
            ),
            (
                Permission::Staff,
                "PeopleService/ListPeople PeopleService/GetPerson PeopleService/UpdatePerson \
                 OrganizationsService/CreateOrganization OrganizationsService/ListOrganizations OrganizationsService/SetMember \
                 OrganizationsService/RemoveMember",
            ),
            (Permission::Admin, "PortalsService/GetSettings PortalsService/PatchSettings"),
            (Permission::Operator, "PortalsService/CreatePortal PortalsService/ListInboundSecrets PeopleService/ImportPeople"),
            (
                Permission::Services(&["tickets", "knowledge", "community", "notifier", "gateway"]),
                "PortalsService/ListPortals PortalsService/ListSettings PeopleService/BatchGetPeople PeopleService/EnsurePerson \
                 PeopleService/FindPeopleByEmail PeopleService/SnapshotPeople RevocationService/ListRevocations",
            ),
            (Permission::Services(&["gateway", "notifier"]), "PortalsService/GetInboundSecret"),
            (Permission::Services(&["tickets", "gateway"]), "CaptchaService/VerifyCaptcha"),
            (Permission::Services(&["gateway"]), "CaptchaService/InspectCaptcha SessionsService/ResolveSession"),
            (Permission::Services(&["notifier"]), "RenderService/RenderFor"),
        ];
        check_permissions("portico.identity.v1", PERMISSIONS, &meant);
    }
}
