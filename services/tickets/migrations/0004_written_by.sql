-- What one person wrote in the last hour, for the limits: tickets (kind 1) and comments (kind 2).
CREATE INDEX item_written_by ON item (portal, actor_id, at DESC) WHERE actor_id IS NOT NULL AND kind IN (1, 2);
