use mail_parser::{MessageParser, MimeHeaders};
use time::macros::datetime;
use uuid::Uuid;

use super::*;

fn frame() -> Frame {
    Frame {
        public_url: "https://help.acme.test".into(),
        mail_domain: "portico.test".into(),
        key: MailKey::derive(&portico_chassis::config::Secret::new("a secret of at least thirty-two bytes")),
    }
}

fn content() -> Content {
    Content {
        to_address: "alice@acme.test".into(),
        to_name: "Alice Ärmel".into(),
        locale: "en".into(),
        portal_title: "ACME Help".into(),
        subject: "Printer on fire".into(),
        intro: vec!["Support answered your request.".into()],
        author_name: "Ann Agent".into(),
        body_markdown: "Please **unplug** it.\n\n<script>alert(1)</script>".into(),
        action_label: "Open the request".into(),
        action_path: "/requests/DEMO-7".into(),
        ticket_number: "DEMO-7".into(),
        thread_root: "01890a5d-ac96-774b-bcce-b302099a8057".into(),
        answerable: true,
        facts: vec![("Status".into(), "Waiting for you".into())],
    }
}

fn compose_content(content: &Content) -> Outgoing {
    let portal: PortalId = "demo".parse().unwrap();
    let letter = Letter {
        id: DeliveryId::new(Uuid::from_u128(42)),
        portal: &portal,
        kind: Kind::TicketUpdate,
        optional: true,
        reader: Some("01890a5d-ac96-774b-bcce-b302099a8058"),
        inbound_address: "support@demo.portico.test",
        content,
        now: datetime!(2026-11-23 10:00 UTC),
    };
    compose(&frame(), &letter).unwrap()
}

/// The header block, unfolded, one entry a field.
fn fields(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    head.replace("\r\n ", " ").replace("\r\n\t", " ").split("\r\n").map(str::to_owned).collect()
}

fn field(bytes: &[u8], name: &str) -> Option<String> {
    fields(bytes).into_iter().find_map(|field| field.strip_prefix(&format!("{name}: ")).map(str::to_owned))
}

#[test]
fn a_mail_has_the_headers_of_the_contract() {
    let mail = compose_content(&content());
    let get = |name: &str| field(&mail.bytes, name).unwrap_or_default();
    assert_eq!(get("X-Portico-Kind"), "ticket_update");
    assert_eq!(get("X-Portico-Ticket"), "DEMO-7");
    assert_eq!(get("Auto-Submitted"), "auto-generated");
    assert_eq!(get("Subject"), "[DEMO-7] Printer on fire");
    assert_eq!(get("Message-ID"), format!("<{}@portico.test>", Uuid::from_u128(42)));
    assert_eq!(get("In-Reply-To"), get("References"));
    assert!(get("In-Reply-To").starts_with('<') && get("In-Reply-To").ends_with("@portico.test>"));
    let token = mail.reply_token.clone().unwrap();
    assert!(get("Reply-To").contains(&format!("support+{token}@demo.portico.test")), "{}", get("Reply-To"));
    assert!(get("From").contains("support@demo.portico.test"));
    assert_eq!(mail.envelope.from(), None);
    assert_eq!(mail.envelope.to().len(), 1);
    assert_eq!(mail.domain, "acme.test");
}

#[test]
fn both_parts_say_the_same_and_the_html_runs_nothing() {
    let mail = compose_content(&content());
    let parsed = MessageParser::default().parse(&mail.bytes).unwrap();
    let (text, html) = (parsed.body_text(0).unwrap().into_owned(), parsed.body_html(0).unwrap().into_owned());
    assert_eq!((parsed.text_body_count(), parsed.attachment_count()), (1, 0));
    for part in [&text, &html] {
        for needed in [
            "Support answered your request.",
            "https://help.acme.test/portal/demo/requests/DEMO-7",
            "Ann Agent wrote:",
            "Waiting for you",
            "Sent by ACME Help.",
        ] {
            assert!(part.contains(needed), "{needed} is not in {part}");
        }
    }
    assert!(html.contains("<strong>unplug</strong>"), "{html}");
    assert!(!html.contains("<script") && !html.contains("<table") && !html.contains("<style") && !html.contains("<img"));
    assert_eq!(parsed.text_part(0).unwrap().content_type().unwrap().subtype(), Some("plain"));
}

#[test]
fn without_a_conversation_there_is_no_reply_address() {
    let mail = compose_content(&Content { answerable: false, ..content() });
    assert_eq!(field(&mail.bytes, "Reply-To"), None);
    assert_eq!(mail.reply_token, None);
    let bare = compose_content(&Content { ticket_number: String::new(), thread_root: String::new(), ..content() });
    assert_eq!(field(&bare.bytes, "X-Portico-Ticket"), None);
    assert_eq!(field(&bare.bytes, "In-Reply-To"), None);
    assert_eq!(field(&bare.bytes, "Subject").unwrap(), "Printer on fire");
}

#[test]
fn repeating_a_letter_repeats_its_message_id_and_reply_address() {
    let (one, other) = (compose_content(&content()), compose_content(&content()));
    for name in ["Message-ID", "Reply-To", "In-Reply-To"] {
        assert_eq!(field(&one.bytes, name), field(&other.bytes, name));
    }
}

/// S58.
#[test]
fn no_text_can_add_a_header_or_a_long_line() {
    let expected: Vec<String> =
        fields(&compose_content(&content()).bytes).iter().map(|field| field.split(':').next().unwrap().to_owned()).collect();
    let hostile = [
        "x\r\nBcc: eve@evil.test",
        "x\nBcc: eve@evil.test",
        "x\rBcc: eve@evil.test",
        "x\0y",
        "x\u{2028}Bcc: eve@evil.test",
        "x\u{2029}Bcc: eve@evil.test",
        "x\u{85}Bcc: eve@evil.test",
        "=?utf-8?q?x=0D=0ABcc:=20eve@evil.test?=",
        "x\r\n\r\n<script>alert(1)</script>",
        "\r\n.\r\nQUIT",
        "\"<eve@evil.test>, ",
        &"a".repeat(100_000),
        &"ü ".repeat(50_000),
        &"\u{202E}".repeat(1000),
    ];
    for text in hostile {
        let text = text.to_owned();
        let attacked = [
            Content { subject: text.clone(), ..content() },
            Content { to_name: text.clone(), ..content() },
            Content { portal_title: text.clone(), ..content() },
            Content { ticket_number: format!("D-7{text}"), ..content() },
            Content { author_name: text.clone(), ..content() },
            Content { body_markdown: text.clone(), ..content() },
            Content { intro: vec![text.clone()], ..content() },
            Content { action_label: text.clone(), action_path: format!("/{text}"), ..content() },
            Content { thread_root: text.clone(), locale: text.clone(), ..content() },
            Content { facts: vec![(text.clone(), text.clone())], ..content() },
        ];
        for content in attacked {
            let mail = compose_content(&content);
            let names: Vec<String> = fields(&mail.bytes).iter().map(|field| field.split(':').next().unwrap().to_owned()).collect();
            assert_eq!(names, expected, "{text:.40?} changed the headers");
            let longest = mail.bytes.split(|byte| *byte == b'\n').map(<[u8]>::len).max().unwrap();
            assert!(longest <= 998 + 1, "{text:.40?} made a line of {longest}");
            assert!(!mail.bytes.windows(2).any(|pair| pair[1] == b'\n' && pair[0] != b'\r'), "a bare line feed");
            assert_eq!(MessageParser::default().parse(&mail.bytes).unwrap().text_body_count(), 1);
        }
    }
}

#[test]
fn an_address_that_is_no_plain_address_gets_no_mail() {
    let portal: PortalId = "demo".parse().unwrap();
    for address in ["", "alice", "alice@acme.test\r\nBcc: e@x.test", "\"a b\"@acme.test", "a@b.test,c@d.test", "<a@b.test>", "ä@acme.test"]
    {
        let content = Content { to_address: address.into(), ..content() };
        let letter = Letter {
            id: DeliveryId::new(Uuid::from_u128(42)),
            portal: &portal,
            kind: Kind::Receipt,
            reader: None,
            inbound_address: "support@demo.portico.test",
            content: &content,
            optional: false,
            now: datetime!(2026-11-23 10:00 UTC),
        };
        assert_eq!(compose(&frame(), &letter).unwrap_err(), ComposeError::Address, "{address:?}");
    }
}
