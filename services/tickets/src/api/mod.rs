//! The edge: requests are decoded and checked, the permission table says who may call what, the use cases do the rest.

pub mod attachments;
pub mod catalog;
pub mod collaborators;
pub mod conversation;
mod encode;
mod fields;
mod filter;
pub mod guests;
pub mod import;
pub mod inbound;
pub mod inbox;
pub mod render;
pub mod ticket;

use portico_chassis::grpc::Permission::{self, Admin, Operator, Public, Services, SignedIn, Staff};

/// Who may call which method at all. A method without a row is closed.
pub const PERMISSIONS: &[(&str, Permission)] = &[
    ("/portico.tickets.v1.CatalogService/GetCatalog", Public),
    ("/portico.tickets.v1.CatalogService/CreateDepartment", Admin),
    ("/portico.tickets.v1.CatalogService/CreateProduct", Admin),
    ("/portico.tickets.v1.CatalogService/CreateCategory", Admin),
    ("/portico.tickets.v1.CatalogService/CreateGroup", Admin),
    ("/portico.tickets.v1.CatalogService/ListGroups", Staff),
    ("/portico.tickets.v1.CatalogService/ListAssignableAgents", Staff),
    ("/portico.tickets.v1.TicketsService/CreateTicket", Public),
    ("/portico.tickets.v1.TicketsService/GetTicket", SignedIn),
    ("/portico.tickets.v1.TicketsService/ListTickets", SignedIn),
    ("/portico.tickets.v1.TicketsService/CountTickets", SignedIn),
    ("/portico.tickets.v1.TicketsService/SearchTickets", SignedIn),
    ("/portico.tickets.v1.TicketsService/UpdateTicket", Staff),
    ("/portico.tickets.v1.TicketsService/CloseTicket", SignedIn),
    ("/portico.tickets.v1.TicketsService/ReopenTicket", SignedIn),
    ("/portico.tickets.v1.TicketsService/KeepTicketOpen", SignedIn),
    ("/portico.tickets.v1.TicketsService/RateTicket", SignedIn),
    ("/portico.tickets.v1.TicketsService/CreateFollowUp", SignedIn),
    ("/portico.tickets.v1.TicketsService/MarkViewed", SignedIn),
    ("/portico.tickets.v1.ConversationService/AddComment", SignedIn),
    ("/portico.tickets.v1.ConversationService/GetTimeline", SignedIn),
    ("/portico.tickets.v1.CollaboratorsService/ListCollaborators", SignedIn),
    ("/portico.tickets.v1.CollaboratorsService/AddCollaborator", SignedIn),
    ("/portico.tickets.v1.CollaboratorsService/RemoveCollaborator", SignedIn),
    ("/portico.tickets.v1.CollaboratorsService/ConfirmCollaborator", SignedIn),
    ("/portico.tickets.v1.AttachmentsService/GetAttachmentBlob", SignedIn),
    ("/portico.tickets.v1.AttachmentsService/ListAttachments", SignedIn),
    ("/portico.tickets.v1.GuestService/GetUnverifiedAddress", Services(&["identity"])),
    ("/portico.tickets.v1.InboundService/SubmitMail", Services(&["notifier"])),
    ("/portico.tickets.v1.ImportService/ImportTicket", Operator),
    ("/portico.common.v1.RenderService/RenderFor", Services(&["notifier"])),
];
