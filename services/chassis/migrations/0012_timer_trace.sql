-- W3C trace context of what armed the timer: the trace of its effect is linked to it. Empty when nobody was traced.
ALTER TABLE timer ADD COLUMN traceparent text NOT NULL DEFAULT '';
