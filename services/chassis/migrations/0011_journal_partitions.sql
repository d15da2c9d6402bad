-- The journal in partitions of five million positions, so that what has been there for a month goes as whole tables instead of row by row.

-- Positions of one partition.
CREATE FUNCTION portico_journal_size() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 5000000::bigint';

-- One partition. Only the journal is asked, never a partition, so nobody is granted anything and no policy lets anybody in. An event and a
-- version occur once in a partition; across partitions the table aggregate sees to versions, and event ids are random.
CREATE FUNCTION portico_journal_partition(number bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text := 'journal_' || number;
    size bigint := portico_journal_size();
BEGIN
    EXECUTE format('CREATE TABLE %I (LIKE journal INCLUDING ALL)', name);
    EXECUTE format('CREATE UNIQUE INDEX ON %I (event_id)', name);
    EXECUTE format('CREATE UNIQUE INDEX ON %I (aggregate_id, version)', name);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE journal ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', name, number * size, (number + 1) * size);
END $$;

-- The partition of the head and the next two, so that there is always room for five million events before anybody looks again. Attaching
-- does not hold up whoever appends.
CREATE FUNCTION portico_journal_grow() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    head bigint;
BEGIN
    -- One replica at a time.
    PERFORM pg_advisory_xact_lock(hashtext('portico_journal_grow'));
    SELECT position / portico_journal_size() INTO head FROM journal_head;
    FOR number IN head .. head + 2 LOOP
        IF to_regclass('journal_' || number) IS NULL THEN
            PERFORM portico_journal_partition(number);
        END IF;
    END LOOP;
END $$;

-- Drops a partition before the head's. Appends wait for the moment that it takes; when others hold it up for a second, it gives up until the
-- next sweep.
CREATE FUNCTION portico_journal_drop(number bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public SET lock_timeout = '1s' AS $$
BEGIN
    IF number >= (SELECT position / portico_journal_size() FROM journal_head) THEN
        RAISE EXCEPTION 'partition % of the journal is still written', number;
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS %I', 'journal_' || number);
END $$;

DO $$
DECLARE
    made text;
BEGIN
    FOREACH made IN ARRAY ARRAY['portico_journal_partition', 'portico_journal_grow', 'portico_journal_drop'] LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %I FROM PUBLIC', made);
    END LOOP;
    EXECUTE format('GRANT EXECUTE ON FUNCTION portico_journal_grow, portico_journal_drop TO %I', current_user || '_system');
END $$;

-- What was there is the first partition, up to the end of the one that the head is in.
ALTER TABLE journal RENAME TO journal_before;
ALTER TABLE journal_before RENAME CONSTRAINT journal_pkey TO journal_before_pkey;
CREATE TABLE journal (LIKE journal_before INCLUDING DEFAULTS, PRIMARY KEY (position)) PARTITION BY RANGE (position);
SELECT portico_protect('journal');
DO $$
DECLARE
    head bigint := (SELECT position / portico_journal_size() FROM journal_head);
    made text := 'journal_' || head;
BEGIN
    DROP POLICY portal ON journal_before;
    DROP POLICY system ON journal_before;
    EXECUTE format('REVOKE ALL ON journal_before FROM %I, %I', current_user || '_app', current_user || '_system');
    EXECUTE format('ALTER TABLE journal_before RENAME TO %I', made);
    EXECUTE format('ALTER TABLE journal ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%s)', made, (head + 1) * portico_journal_size());
END $$;
SELECT portico_journal_grow();
