-- Agents look for words and for parts of a subject in the whole portal. As in 0002 the match runs as the owner, in a function that keeps the
-- fence itself. It stops after a number of matches: what is that frequent is found sooner by reading the list in its own order.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE INDEX ticket_subject ON ticket USING gin (subject gin_trgm_ops);
CREATE POLICY finder ON ticket TO CURRENT_USER USING (true);

CREATE FUNCTION tickets_with_subject(wanted_portal text, pattern text, most bigint) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT id FROM ticket
     WHERE subject ILIKE pattern AND portal = wanted_portal
       AND wanted_portal = ANY (string_to_array(current_setting('portico.portals', true), ','))
     LIMIT most
$$;

DROP FUNCTION tickets_with_words(text, tsquery);
CREATE FUNCTION tickets_with_words(wanted_portal text, question tsquery, most bigint) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    (SELECT ticket_id FROM ticket_words
      WHERE public @@ question AND portal = wanted_portal
        AND wanted_portal = ANY (string_to_array(current_setting('portico.portals', true), ','))
      LIMIT most)
    UNION
    (SELECT ticket_id FROM ticket_words
      WHERE internal @@ question AND portal = wanted_portal
        AND wanted_portal = ANY (string_to_array(current_setting('portico.portals', true), ','))
      LIMIT most)
$$;
