-- What has waited longest is asked for every few seconds: the first entry of its channel in this index.
CREATE INDEX delivery_pending ON delivery (channel, event_at) WHERE state = 'pending';
