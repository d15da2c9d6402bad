//! Files of topics and posts: claimed once, scanned, read by whoever reads the topic.

use portico_chassis::auth::{Keys, Person};
use portico_chassis::blobs::{Blobs, Upload};
use portico_chassis::testing::eventually;
use portico_chassis::uuid::Uuid;
use portico_community::store;
use portico_proto::common::v1::{AttachmentBlob, ScanState, UploadTicket};
use portico_proto::community::v1 as wire;
use portico_proto::community::v1::Audience;
use portico_proto::community::v1::attachments_service_client::AttachmentsServiceClient;
use sha2::{Digest, Sha256};
use tonic::{Response, Status};

use crate::kit::{PORTAL, World, agent, alice, bob, change, code, fresh, topic, wrong_fields};

/// Puts `content` where the gateway would and signs a ticket for `who`.
async fn upload(world: &World, who: &Person, name: &str, content: &str) -> UploadTicket {
    let id = Uuid::now_v7();
    let blobs = Blobs::folder(&world.stage.path("blobs")).unwrap();
    let bytes: Result<_, std::io::Error> = Ok(content.to_owned().into());
    blobs.put(&format!("staging/{id}"), futures_util::stream::iter([bytes]), 1000).await.unwrap();
    let upload = Upload {
        id,
        portal: PORTAL.parse().unwrap(),
        uploader: who.id.to_string(),
        sha256: hex::encode(Sha256::digest(content.as_bytes())),
        size: content.len() as u64,
        name: name.into(),
        content_type: "text/plain".into(),
        expires: i64::MAX,
    };
    let keys = Keys::read(&world.stage.path("keys"), "gateway").unwrap();
    UploadTicket { token: upload.ticket(&keys).unwrap() }
}

async fn blob(world: &World, who: Option<&Person>, id: &str) -> Result<Response<AttachmentBlob>, Status> {
    let message = wire::GetAttachmentRequest { portal: PORTAL.into(), id: id.into() };
    AttachmentsServiceClient::new(world.channel.clone()).get_attachment(world.by(who, message)).await
}

async fn scanned(world: &World, id: &str) -> ScanState {
    eventually("the scanner", || async {
        let state = blob(world, Some(&agent()), id).await.unwrap().into_inner().attachment.unwrap().state();
        (state != ScanState::Quarantined).then_some(state)
    })
    .await
}

#[tokio::test]
async fn a_file_is_claimed_once_scanned_and_read_with_its_topic_cm_4_s51_s52_s55() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    let ticket = upload(&world, &alice(), "log.txt", "nothing bad").await;
    let wish = wire::CreateTopicRequest { uploads: vec![ticket.clone()], draft: true, ..topic("With a file", &forum.slug) };
    assert_eq!(wrong_fields(world.create(&bob(), wish.clone()).await), [("uploads".to_owned(), "invalid".to_owned())], "not his upload");
    let draft = world.create(&alice(), wish.clone()).await.unwrap().into_inner();
    let file = draft.attachments[0].clone();
    assert_eq!((file.name.as_str(), file.size, file.state()), ("log.txt", 11, ScanState::Quarantined));
    let row = file.id.parse().unwrap();
    assert_eq!(store::scan::known(world.db.system(), vec![row, Uuid::nil()]).await.unwrap(), [row], "for the sweep");
    assert_eq!(world.create(&alice(), wish).await.unwrap().into_inner().id, draft.id, "the same request is free");
    let second = wire::CreateTopicRequest { uploads: vec![ticket], ..topic("Again", &forum.slug) };
    assert_eq!(wrong_fields(world.create(&alice(), second).await)[0].0, "uploads");
    for other in [None, Some(&bob()), Some(&agent())] {
        assert_eq!(code(blob(&world, other, &file.id).await), "not_found", "a draft's file is the writer's");
    }
    world.update(&alice(), wire::UpdateTopicRequest { draft: Some(false), ..change(&draft.id) }).await.unwrap();
    assert_eq!(scanned(&world, &file.id).await, ScanState::Clean);
    let found = blob(&world, None, &file.id).await.unwrap().into_inner();
    assert_eq!(found.sha256, Sha256::digest(b"nothing bad").to_vec());
    let content = std::fs::read(world.stage.path("blobs").join(&found.path)).unwrap();
    assert_eq!(content, b"nothing bad");
    world.update(&alice(), wire::UpdateTopicRequest { remove_attachments: vec![file.id.clone()], ..change(&draft.id) }).await.unwrap();
    assert_eq!(code(blob(&world, None, &file.id).await), "not_found");
    let twice = wire::UpdateTopicRequest { remove_attachments: vec![file.id], ..change(&draft.id) };
    assert_eq!(wrong_fields(world.update(&alice(), twice).await)[0].0, "remove_attachments");
    world.end().await;
}

#[tokio::test]
async fn a_post_brings_files_and_the_test_virus_is_found_s55() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    let asked = world.question(&alice(), "Look", &forum.slug).await;
    let eicar = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";
    let uploads = vec![upload(&world, &bob(), "ok.txt", "fine").await, upload(&world, &bob(), "bad.txt", eicar).await];
    let message =
        wire::AddPostRequest { portal: PORTAL.into(), request_id: fresh(), topic_id: asked.id.clone(), body: "Here".into(), uploads };
    let post = world.posts().add_post(world.by(Some(&bob()), message)).await.unwrap().into_inner();
    assert_eq!(scanned(&world, &post.attachments[0].id).await, ScanState::Clean);
    assert_eq!(scanned(&world, &post.attachments[1].id).await, ScanState::Infected);
    let listed = world.list_posts(None, &asked.id).await.unwrap().remove(0);
    assert_eq!(listed.attachments.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["ok.txt", "bad.txt"]);
    assert!(world.get(None, &asked.id).await.unwrap().into_inner().attachments.is_empty(), "they are the post's");
    world.delete(&agent(), &asked.id).await.unwrap();
    assert_eq!(code(blob(&world, Some(&agent()), &post.attachments[0].id).await), "not_found");
    world.end().await;
}

#[tokio::test]
async fn ten_files_are_the_limit() {
    let world = World::new().await;
    let mut uploads = Vec::new();
    for n in 0..11 {
        uploads.push(upload(&world, &alice(), &format!("{n}.txt"), "x").await);
    }
    let wish = wire::CreateTopicRequest { uploads: uploads.clone(), draft: true, ..topic("Eleven", "") };
    assert_eq!(wrong_fields(world.create(&alice(), wish).await), [("uploads".to_owned(), "too_many".to_owned())]);
    let last = uploads.pop().unwrap();
    let wish = wire::CreateTopicRequest { uploads, draft: true, ..topic("Ten", "") };
    let draft = world.create(&alice(), wish).await.unwrap().into_inner();
    let more = wire::UpdateTopicRequest { uploads: vec![last], ..change(&draft.id) };
    assert_eq!(wrong_fields(world.update(&alice(), more).await), [("uploads".to_owned(), "too_many".to_owned())]);
    world.end().await;
}
