-- What an inbox had applied and when: to find the last event that it shares with a producer whose database was restored from an older copy.
-- About one row in a hundred events.
CREATE TABLE inbox_mark (
    producer text NOT NULL,
    position bigint NOT NULL,
    event uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (producer, position)
);
SELECT portico_share('inbox_mark');

-- Which aggregate of what kind a parked event is about, and which event it is, so that an operator need not read the bytes.
ALTER TABLE parked_event ADD COLUMN aggregate_kind text NOT NULL DEFAULT '', ADD COLUMN version bigint NOT NULL DEFAULT 0,
    ADD COLUMN event_id uuid;

