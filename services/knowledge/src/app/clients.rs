//! The one place that calls other services.

use std::time::Duration;

use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::ids::{PortalId, parse_uuid};
use portico_chassis::peers::{self, PeerChannel, Peers};
use portico_proto::community::v1 as community;
use portico_proto::community::v1::search_documents_service_client::SearchDocumentsServiceClient;
use portico_proto::identity::v1::BatchGetPeopleRequest;
use portico_proto::identity::v1::people_service_client::PeopleServiceClient;
use time::OffsetDateTime;
use uuid::Uuid;

use super::asker::Asker;
use super::search_doc::with_tags;
use crate::domain::audience::Audience;
use crate::domain::ids::PersonId;
use crate::domain::search::document::SearchKind;
use crate::store::person::PersonCopy;
use crate::store::search_doc::DocWrite;

/// How long a search waits for the community's word: longer, and topics are left out.
const CHECK: Duration = Duration::from_millis(150);
/// How long a keeper waits.
const FETCH: Duration = Duration::from_secs(5);

/// A topic as it is now, for the one who searches.
#[derive(Debug, Clone)]
pub(super) struct VisibleTopic {
    pub id: Uuid,
    pub slug: String,
    pub title: String,
}

/// Topics by id, and the ids that did not fit in one answer.
pub(super) struct FetchedTopics {
    pub documents: Vec<DocWrite>,
    pub left_out: Vec<Uuid>,
}

/// The community.
pub(super) struct CommunityClient(SearchDocumentsServiceClient<PeerChannel>);

impl CommunityClient {
    pub(super) fn new(peers: &Peers) -> anyhow::Result<Self> {
        Ok(Self(SearchDocumentsServiceClient::new(peers.channel("community")?.repeating()).max_decoding_message_size(16 << 20)))
    }

    /// Which of the topics the asker may read at this moment.
    pub(super) async fn visible(&self, asker: &Asker, ids: &[Uuid]) -> Result<Vec<VisibleTopic>, Error> {
        let message = community::CheckVisibleRequest { portal: asker.portal.to_string(), ids: ids.iter().map(Uuid::to_string).collect() };
        let mut context = asker.context.clone();
        context.deadline = Deadline::within(CHECK.min(asker.deadline.remaining()?));
        let request = peers::on_behalf(message, &context)?;
        let call = async { self.0.clone().check_visible(request).await.map_err(|status| Error::from_status(&status)) };
        let answer = context.deadline.bound(call).await??.into_inner();
        let topics = answer.topics.into_iter();
        Ok(topics
            .filter_map(|topic| Some(VisibleTopic { id: parse_uuid(&topic.id).ok()?, slug: topic.slug, title: topic.title }))
            .collect())
    }

    /// The documents of topics; those that are neither in the answer nor left out are gone.
    pub(super) async fn documents(&self, portal: &PortalId, ids: &[Uuid]) -> Result<FetchedTopics, Error> {
        let message =
            community::BatchGetSearchDocumentsRequest { portal: portal.to_string(), ids: ids.iter().map(Uuid::to_string).collect() };
        let request = peers::own(message, Deadline::within(FETCH))?;
        let answer = self.0.clone().batch_get_search_documents(request).await.map_err(|status| Error::from_status(&status))?.into_inner();
        let documents = answer.documents.into_iter().filter_map(|document| topic_document(portal, document)).collect();
        let left_out = answer.left_out.iter().filter_map(|id| parse_uuid(id).ok()).collect();
        Ok(FetchedTopics { documents, left_out })
    }

    /// A page of the topics that exist: portal, id, version; and the token of the next page.
    pub(super) async fn snapshot(&self, page_token: String) -> Result<(Vec<(String, Uuid, i64)>, String), Error> {
        let message = community::SnapshotTopicsRequest { portal: String::new(), page_token };
        let request = peers::own(message, Deadline::within(FETCH))?;
        let answer = self.0.clone().snapshot_topics(request).await.map_err(|status| Error::from_status(&status))?.into_inner();
        let topics = answer.topics.into_iter().filter_map(|topic| Some((topic.portal, parse_uuid(&topic.id).ok()?, topic.version)));
        Ok((topics.collect(), answer.next_page_token))
    }
}

fn topic_document(portal: &PortalId, topic: community::SearchDocument) -> Option<DocWrite> {
    let id = parse_uuid(&topic.id).ok()?;
    let audience = match topic.audience() {
        community::Audience::Public => Audience::Public,
        community::Audience::Customers => Audience::Customers,
        community::Audience::Agents | community::Audience::Unspecified => Audience::Agents,
    };
    let updated_at = topic.last_activity_at.as_ref().and_then(portico_chassis::clock::from_proto).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    Some(DocWrite {
        deleted: false,
        title: topic.title,
        body: with_tags(topic.text, &topic.tags),
        readers: audience.readers(),
        category: topic.forum_id,
        slug: topic.slug,
        valid_until: i64::MAX,
        ..DocWrite::gone(portal.clone(), id, SearchKind::Topic, topic.version, updated_at)
    })
}

/// Identity.
pub(super) struct IdentityClient(PeopleServiceClient<PeerChannel>);

impl IdentityClient {
    pub(super) fn new(peers: &Peers) -> anyhow::Result<Self> {
        Ok(Self(PeopleServiceClient::new(peers.channel("identity")?.repeating())))
    }

    /// The facts of people; those that are absent are gone.
    pub(super) async fn people(&self, portal: &PortalId, ids: &[Uuid]) -> Result<Vec<PersonCopy>, Error> {
        let message = BatchGetPeopleRequest { portal: portal.to_string(), ids: ids.iter().map(Uuid::to_string).collect() };
        let request = peers::own(message, Deadline::within(FETCH))?;
        let answer = self.0.clone().batch_get_people(request).await.map_err(|status| Error::from_status(&status))?.into_inner();
        let people = answer.people.into_iter().filter_map(|facts| {
            let role = match facts.role() {
                portico_proto::common::v1::Role::Admin => "admin",
                portico_proto::common::v1::Role::Agent => "agent",
                _ => "customer",
            };
            let id = PersonId::new(parse_uuid(&facts.id).ok()?);
            Some(PersonCopy { portal: portal.clone(), id, name: facts.name, role: role.to_owned(), version: facts.version })
        });
        Ok(people.collect())
    }
}
