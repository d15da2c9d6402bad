//! Ids of this service's nouns.

use portico_chassis::typed_id;

typed_id!(
    /// Names one article or FAQ.
    ArticleId
);
typed_id!(
    /// Names one comment under an article.
    CommentId
);
typed_id!(
    /// Names one announcement.
    AnnouncementId
);
typed_id!(
    /// Names one file of an article.
    AttachmentId
);
typed_id!(
    /// Names one person.
    PersonId
);
