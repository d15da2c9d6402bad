//! The words of mails and bells.

use time::OffsetDateTime;
use time::macros::format_description;

use crate::domain::access::Relation;
use crate::domain::case::Case;
use crate::domain::ids::PersonId;
use crate::domain::kinds::{DueKind, ItemKind, Role};
use crate::domain::policy::Rules;
use crate::domain::status::Status;
use crate::store::events::What;
use crate::store::item::ItemFound;

/// Everything that the words are made of.
pub(super) struct Occasion<'a> {
    pub kind: &'a str,
    pub what: What,
    pub case: &'a Case,
    pub rules: &'a Rules,
    pub relation: Relation,
    pub recipient: PersonId,
    pub item: Option<&'a ItemFound>,
    pub moved: Option<&'a ItemFound>,
}

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wording {
    /// One line.
    pub subject: String,
    /// Sentences.
    pub intro: Vec<String>,
    /// Who wrote the body.
    pub author: String,
    /// Markdown that a person wrote.
    pub body: String,
    /// The words of the button.
    pub action: String,
    /// Where it leads, below the portal.
    pub path: String,
    /// Small facts.
    pub facts: Vec<(String, String)>,
}

/// Writes it.
pub(super) fn write(occasion: &Occasion<'_>) -> Wording {
    let ticket = &occasion.case.ticket;
    let (headline, intro) = message(occasion);
    let quoted = quote(occasion);
    Wording {
        subject: format!("[{}] {}: {}", ticket.number, headline, one_line(&ticket.subject)),
        intro,
        author: quoted.as_ref().map(|(author, _)| author.clone()).unwrap_or_default(),
        body: quoted.map(|(_, body)| body).unwrap_or_default(),
        action: if keeps_open(occasion) { "Answer or keep it open".to_owned() } else { format!("View the {}", occasion.rules.word()) },
        path: format!("/requests/{}", ticket.number),
        facts: facts(occasion),
    }
}

/// Where nothing will happen by itself, as after a resolve that closed at once, there is nothing to keep open.
fn keeps_open(occasion: &Occasion<'_>) -> bool {
    matches!(occasion.kind, "waiting_reminder" | "close_reminder" | "auto_resolved") && !occasion.case.ticket.due.is_empty()
}

fn message(occasion: &Occasion<'_>) -> (String, Vec<String>) {
    let word = occasion.rules.word();
    let ticket = &occasion.case.ticket;
    match occasion.kind {
        "receipt" => (
            format!("We received your {word}"),
            vec![format!("Thank you. Your {word} {} has arrived and will be reviewed shortly.", ticket.number), answer_hint()],
        ),
        "waiting_reminder" => {
            let mut lines = vec![format!("We asked you something about your {word} and wait for your answer.")];
            lines.extend(due(occasion, DueKind::AutoResolve).map(|at| format!("Without an answer it is resolved on {at}.")));
            ("We are waiting for you".to_owned(), lines)
        }
        "auto_resolved" => {
            let mut lines = vec![format!("We have not heard from you, so your {word} is now {}.", label(occasion, ticket.status))];
            lines.extend(due(occasion, DueKind::AutoClose).map(|at| format!("It is closed on {at} unless you write.")));
            (format!("Your {word} was resolved"), lines)
        }
        "close_reminder" => {
            let at = due(occasion, DueKind::AutoClose);
            let when = at.map_or_else(|| "soon".to_owned(), |at| format!("on {at}"));
            (format!("Your {word} will be closed soon"), vec![format!("Your {word} is closed {when} unless you write.")])
        }
        "closed" => (
            format!("Your {word} was closed"),
            vec![format!("Your {word} {} is closed. If you need more help, make a follow-up.", ticket.number)],
        ),
        "collaborator_added" => {
            let who = actor(occasion).unwrap_or_else(|| "Somebody".to_owned());
            (
                format!("A {word} was shared with you"),
                vec![format!("{who} shared a {word} with you: you can read it and write on it."), answer_hint()],
            )
        }
        _ => update(occasion, &word),
    }
}

fn answer_hint() -> String {
    "You can answer this mail.".to_owned()
}

/// An update: what exactly depends on the event.
fn update(occasion: &Occasion<'_>, word: &str) -> (String, Vec<String>) {
    let who = actor(occasion).unwrap_or_else(|| "Somebody".to_owned());
    let staff = occasion.relation == Relation::Staff;
    match occasion.what {
        What::Created => (format!("New {word}"), vec![format!("{} opened a new {word}.", requester(occasion))]),
        What::Commented { internal: true, .. } => (format!("Note on a {word}"), vec![format!("{who} wrote an internal note.")]),
        What::Commented { .. } => {
            let own = !staff && occasion.case.ticket.requester == Some(occasion.recipient);
            let whose = if own { format!("your {word}") } else { format!("the {word}") };
            let mut lines = vec![format!("{who} wrote on {whose}.")];
            lines.extend(occasion.moved.and_then(|moved| moved_line(occasion, moved)));
            ("New answer".to_owned(), lines)
        }
        What::Moved => {
            let line = occasion.item.and_then(|item| moved_line(occasion, item));
            (format!("The {word} was updated"), line.into_iter().chain([format!("{who} changed it.")]).collect())
        }
        What::Changed if staff => (format!("A {word} is yours"), vec![format!("{who} assigned a {word} to you.")]),
        What::Rated => (format!("A {word} was rated"), vec![format!("{who} gave {} of 5.", score(occasion))]),
        _ => (format!("The {word} was updated"), vec![format!("{who} changed the {word}.")]),
    }
}

fn moved_line(occasion: &Occasion<'_>, moved: &ItemFound) -> Option<String> {
    let to = Status::from_code(moved.row.to_status?)?;
    let label = occasion.rules.label(to, moved.row.sub_status.as_deref());
    Some(format!("The status is now: {label}."))
}

fn score(occasion: &Occasion<'_>) -> i16 {
    occasion.item.and_then(|item| item.row.score).unwrap_or(0)
}

/// Who did it: the name, or what they are.
fn actor(occasion: &Occasion<'_>) -> Option<String> {
    let item = occasion.item?;
    let named = item.actor_name.clone().filter(|name| !name.is_empty());
    match Role::from_code(item.row.actor_role) {
        Some(Role::Customer) => Some(named.unwrap_or_else(|| requester(occasion))),
        Some(Role::System) | None => None,
        Some(_) => Some(named.unwrap_or_else(|| "Support".to_owned())),
    }
}

/// Who wrote the description: the requester, or a collaborator whose words on a closed ticket became this one.
fn author(occasion: &Occasion<'_>) -> String {
    let created = occasion
        .item
        .filter(|item| item.row.kind == ItemKind::Created.code() && Role::from_code(item.row.actor_role) == Some(Role::Customer));
    created.and_then(|item| item.actor_name.clone()).filter(|name| !name.is_empty()).unwrap_or_else(|| requester(occasion))
}

fn requester(occasion: &Occasion<'_>) -> String {
    let ticket = &occasion.case.ticket;
    let name = match (&ticket.guest, ticket.requester) {
        (Some(guest), _) => guest.name.clone(),
        (None, Some(person)) => occasion.case.name(person),
        (None, None) => String::new(),
    };
    if name.is_empty() { "Somebody".to_owned() } else { name }
}

/// What a person wrote, where the message is about their words.
fn quote(occasion: &Occasion<'_>) -> Option<(String, String)> {
    match (occasion.kind, occasion.what) {
        // What nobody has proven to have written is not passed on (S63).
        ("collaborator_added", _) if !occasion.case.ticket.verified() => None,
        ("receipt" | "collaborator_added", _) | ("ticket_update", What::Created) => {
            Some((author(occasion), occasion.case.description.clone()))
        }
        ("ticket_update", What::Commented { .. } | What::Rated) => {
            let item = occasion.item?;
            Some((actor(occasion)?, item.row.body.clone())).filter(|(_, body)| !body.is_empty())
        }
        _ => None,
    }
}

fn label(occasion: &Occasion<'_>, status: Status) -> String {
    occasion.rules.label(status, occasion.case.ticket.sub_status.as_deref())
}

fn facts(occasion: &Occasion<'_>) -> Vec<(String, String)> {
    let ticket = &occasion.case.ticket;
    let status = label(occasion, ticket.status);
    // Not every portal's word for the status names whom support waits for (LC-5).
    let party = ticket.sub_status.clone().filter(|party| !status.contains(party.as_str()));
    let mut facts = vec![("Status".to_owned(), status)];
    facts.extend(party.map(|party| ("Waiting for".to_owned(), party)));
    if let Some(product) = ticket.place.product {
        facts.push(("Product".to_owned(), occasion.case.name(product)));
    }
    facts.push(("Priority".to_owned(), capital(ticket.priority.name())));
    facts
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The same due record that the page shows and the transition follows.
fn due(occasion: &Occasion<'_>, kind: DueKind) -> Option<String> {
    let entry = occasion.case.ticket.due.iter().find(|entry| entry.kind == kind)?;
    Some(moment(entry.at))
}

fn moment(at: OffsetDateTime) -> String {
    let format = format_description!("[weekday repr:short] [day padding:none] [month repr:short] [year], [hour]:[minute] UTC");
    at.format(&format).unwrap_or_default()
}

/// Subjects are one line already; a later change of that rule must not reach a header.
fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
