-- The fence is looked at for each row that is read or written, so its usual case, one portal, comes first and is a plain comparison: taking
-- a list apart for each row cost more than reading the row, and made the planner think an index ten times as dear as it is.

CREATE OR REPLACE FUNCTION portico_protect(target text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    app text := current_user || '_app';
    system text := current_user || '_system';
BEGIN
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', target);
    EXECUTE format(
        'CREATE POLICY portal ON %I TO %I USING (portal = nullif(current_setting(''portico.portals'', true), '''') '
        'OR portal = ANY (string_to_array(current_setting(''portico.portals'', true), '','')))',
        target, app);
    EXECUTE format('CREATE POLICY system ON %I TO %I USING (true)', target, system);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO %I, %I', target, app, system);
END $$;

DO $$
DECLARE
    target text;
BEGIN
    FOR target IN SELECT tablename FROM pg_policies WHERE schemaname = current_schema() AND policyname = 'portal' LOOP
        EXECUTE format(
            'ALTER POLICY portal ON %I USING (portal = nullif(current_setting(''portico.portals'', true), '''') '
            'OR portal = ANY (string_to_array(current_setting(''portico.portals'', true), '','')))',
            target);
    END LOOP;
END $$;
