-- Everything of a portal is behind the fence, and what is not says so itself.

-- A table without portals, for both roles; the comment is what the check of the catalog goes by.
CREATE OR REPLACE FUNCTION portico_share(target text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO %I, %I', target, current_user || '_app', current_user || '_system');
    EXECUTE format('COMMENT ON TABLE %I IS %L', target, 'shared: rows of no portal');
END $$;

-- A table without portals that only background work uses.
CREATE FUNCTION portico_keep(target text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('REVOKE ALL ON %I FROM %I', target, current_user || '_app');
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO %I', target, current_user || '_system');
    EXECUTE format('COMMENT ON TABLE %I IS %L', target, 'shared: rows of no portal');
END $$;

-- The head is the journal's, which runs as the app role; the rest is nobody's but the background's.
SELECT portico_share('journal_head');
SELECT portico_keep('lease');
SELECT portico_keep('relay');
SELECT portico_keep('inbox');
SELECT portico_keep('inbox_mark');

-- Whole events, marks and documents of all portals.
SELECT portico_protect('parked_event');
SELECT portico_protect('dirty');
SELECT portico_protect('portal_settings');

-- Since when a copy is stale.
ALTER TABLE dirty ADD COLUMN marked_at timestamptz NOT NULL DEFAULT now();
