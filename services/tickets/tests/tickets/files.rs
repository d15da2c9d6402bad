//! Files: claimed once, by their uploader, read by whoever may read their item now (CR-17, CF-3, CF-6, S49, S51, S52, I11).

use portico_chassis::testing::clamd::Clamd;
use portico_chassis::testing::eventually;
use portico_chassis::uuid::Uuid;
use portico_proto::tickets::v1 as wire;
use portico_tickets::store;

use crate::common::{World, fields, told};

#[tokio::test]
async fn a_file_travels_with_its_words() {
    let world = World::new().await;
    let alice = world.alice.id.to_string();
    let file = world.upload(&alice, "screen.txt", b"evidence").await;
    let request = wire::CreateTicketRequest { uploads: vec![file.clone()], ..world.plain("With a file") };
    let made = world.create(&world.alice, request).await.unwrap();
    let item = world.timeline(&world.alice, &made.number).await.unwrap().remove(0);
    assert_eq!((item.attachments.len(), item.attachments[0].name.as_str(), item.attachments[0].size), (1, "screen.txt", 8));
    let row = item.attachments[0].id.parse().unwrap();
    let mut inspector = world.stage.inspect("tickets").await;
    let known = store::attachment::known(&mut inspector, vec![row, Uuid::nil()]).await.unwrap();
    assert_eq!(known, [row], "for the sweep");

    let read = |id: &str| wire::GetAttachmentBlobRequest { portal: "demo".into(), attachment_id: id.to_owned() };
    let id = &item.attachments[0].id;
    let blob = eventually("the scanner", || async {
        told(world.attachments().get_attachment_blob(world.stage.as_person(&world.bob, read(id))).await).ok()
    })
    .await;
    let content = std::fs::read(world.stage.path("blobs").join(&blob.path)).unwrap();
    assert_eq!(content, b"evidence");
    let hidden = told(world.attachments().get_attachment_blob(world.stage.as_person(&world.carol, read(id))).await).unwrap_err();
    let absent = told(world.attachments().get_attachment_blob(world.stage.as_person(&world.carol, read("x"))).await).unwrap_err();
    assert_eq!(hidden, absent);

    // Used once, and by its uploader only.
    let again = wire::AddCommentRequest { uploads: vec![file], ..world.words(&made.number, "Again") };
    assert_eq!(fields(&world.comment(&world.alice, again).await.unwrap_err()), ["uploads"]);
    let foreign = world.upload(&alice, "a.txt", b"x").await;
    let stolen = wire::AddCommentRequest { uploads: vec![foreign], ..world.words(&made.number, "Mine now") };
    assert_eq!(fields(&world.comment(&world.bob, stolen).await.unwrap_err()), ["uploads"]);
    let program = world.upload(&alice, "a.exe", b"MZ").await;
    let refused = wire::AddCommentRequest { uploads: vec![program], ..world.words(&made.number, "Run it") };
    assert_eq!(fields(&world.comment(&world.alice, refused).await.unwrap_err()), ["uploads"]);

    let second = world.upload(&alice, "second.txt", b"more").await;
    world.comment(&world.alice, wire::AddCommentRequest { uploads: vec![second], ..world.words(&made.number, "More") }).await.unwrap();
    let list = |size, token: String| wire::ListAttachmentsRequest {
        portal: "demo".into(),
        number: made.number.clone(),
        page: Some(portico_proto::common::v1::PageRequest { page_size: size, page_token: token }),
    };
    let page = told(world.attachments().list_attachments(world.stage.as_person(&world.alice, list(1, String::new()))).await).unwrap();
    assert_eq!(page.files[0].attachment.as_ref().unwrap().name, "screen.txt");
    let next =
        told(world.attachments().list_attachments(world.stage.as_person(&world.alice, list(1, page.next_page_token))).await).unwrap();
    assert_eq!((next.files[0].attachment.as_ref().unwrap().name.as_str(), next.next_page_token.as_str()), ("second.txt", ""));
    let found = world.list(&world.alice, wire::TicketFilter { q: "screen".into(), ..Default::default() }).await.unwrap();
    assert_eq!(found, [made.number], "found by the name of a file");
    world.end().await;
}

#[tokio::test]
async fn the_same_words_with_the_same_file_uploaded_again_are_one_request() {
    let world = World::new().await;
    let alice = world.alice.id.to_string();
    let first = world.upload(&alice, "screen.txt", b"evidence").await;
    let request = wire::CreateTicketRequest { uploads: vec![first], ..world.plain("Sent twice") };
    let made = world.create(&world.alice, request.clone()).await.unwrap();
    let again = wire::CreateTicketRequest { uploads: vec![world.upload(&alice, "screen.txt", b"evidence").await], ..request.clone() };
    assert_eq!(world.create(&world.alice, again).await.unwrap(), made, "B9: a form that is sent twice brings its files twice");
    for (name, content) in [("screen.txt", &b"EVIDENCE"[..]), ("other.txt", b"evidence")] {
        let other = wire::CreateTicketRequest { uploads: vec![world.upload(&alice, name, content).await], ..request.clone() };
        assert_eq!(world.create(&world.alice, other).await.unwrap_err(), portico_chassis::error::Error::KeyReused, "{name}");
    }
    world.end().await;
}

#[tokio::test]
async fn an_upload_whose_content_was_exchanged_in_staging_is_refused() {
    let world = World::new().await;
    let alice = world.alice.id.to_string();
    let ticket = world.upload(&alice, "screen.txt", b"evidence").await;
    let staging = world.stage.path("blobs").join("staging");
    for entry in std::fs::read_dir(&staging).unwrap() {
        // Same size, so that only the content tells.
        std::fs::write(entry.unwrap().path(), b"EVIDENCE").unwrap();
    }
    let request = wire::CreateTicketRequest { uploads: vec![ticket], ..world.plain("Forged") };
    assert_eq!(fields(&world.create(&world.alice, request).await.unwrap_err()), ["uploads"]);
    let kept = std::fs::read_dir(world.stage.path("blobs").join("tickets")).map_or(0, Iterator::count);
    assert_eq!(kept, 0, "nothing is left of the copy");
    world.end().await;
}

#[tokio::test]
async fn a_file_waits_for_the_scanner_and_malware_is_never_served() {
    // S55: clamd's protocol over a real socket; what the scanner says decides, and a file that it refuses holds up no other.
    let scanner = Clamd::away();
    let config = portico_tickets::config::Config { scanner: Some(scanner.address.clone()) };
    let world = World::with_config(crate::common::helpdesk(), 1, config).await;
    let alice = world.alice.id.to_string();
    let uploads = vec![
        world.upload(&alice, "odd.txt", b"ODD").await,
        world.upload(&alice, "good.txt", b"good").await,
        world.upload(&alice, "bad.txt", b"EICAR").await,
    ];
    let made = world.create(&world.alice, wire::CreateTicketRequest { uploads, ..world.plain("Files") }).await.unwrap();
    let files = world.timeline(&world.alice, &made.number).await.unwrap().remove(0).attachments;
    let read = |id: String| {
        let request = world.stage.as_person(&world.alice, wire::GetAttachmentBlobRequest { portal: "demo".into(), attachment_id: id });
        let mut client = world.attachments();
        async move { told(client.get_attachment_blob(request).await) }
    };
    for file in &files {
        assert_eq!(read(file.id.clone()).await.unwrap_err().code(), "not_scanned_yet");
    }
    scanner.serve().await;
    eventually("the clean file", || async { read(files[1].id.clone()).await.ok() }).await;
    let infected =
        eventually("the verdict", || async { read(files[2].id.clone()).await.err().filter(|error| error.code() != "not_scanned_yet") })
            .await;
    assert_eq!(infected.code(), "infected");
    world.end().await;
}
