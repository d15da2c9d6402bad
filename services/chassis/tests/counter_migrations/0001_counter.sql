CREATE TABLE counter (
    portal text NOT NULL,
    id uuid PRIMARY KEY,
    value bigint NOT NULL,
    version bigint NOT NULL
);
SELECT portico_protect('counter');

CREATE TABLE heard (
    nth bigint GENERATED ALWAYS AS IDENTITY,
    position bigint NOT NULL,
    aggregate_id uuid NOT NULL,
    version bigint NOT NULL
);
SELECT portico_share('heard');

CREATE TABLE outdated (
    at timestamptz NOT NULL DEFAULT now()
);
SELECT portico_share('outdated');
