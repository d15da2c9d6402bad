-- Under a row-level policy an index answers leakproof operators only, and @@ is none: the app role would read every row. So the match runs as
-- the owner, in a function that keeps the fence itself: it finds nothing outside the portals that were set for the caller.
CREATE POLICY finder ON ticket_words TO CURRENT_USER USING (true);

CREATE FUNCTION tickets_with_words(wanted_portal text, question tsquery) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT ticket_id FROM ticket_words
     WHERE public @@ question AND portal = wanted_portal
       AND wanted_portal = ANY (string_to_array(current_setting('portico.portals', true), ','))
    UNION
    SELECT ticket_id FROM ticket_words
     WHERE internal @@ question AND portal = wanted_portal
       AND wanted_portal = ANY (string_to_array(current_setting('portico.portals', true), ','))
$$;
