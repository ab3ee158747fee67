-- What waits for a person's answer is found by the person.

-- +goose Up
CREATE INDEX tickets_waiting ON tickets (user_id, expires) WHERE kind = 'backchannel';
