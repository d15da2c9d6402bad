//! Names of the things of a community.

use portico_chassis::typed_id;

typed_id!(
    /// Names a forum.
    ForumId
);
typed_id!(
    /// Names a topic.
    TopicId
);
typed_id!(
    /// Names a post under a topic.
    PostId
);
typed_id!(
    /// Names a person; identity owns people.
    PersonId
);
typed_id!(
    /// Names a file of a topic or a post.
    AttachmentId
);
typed_id!(
    /// Names one person's report about a topic.
    ReportId
);
typed_id!(
    /// Names one neutral mail about a published topic.
    CopyId
);
