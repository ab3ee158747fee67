-- +goose Up

-- The oldest schema version whose binaries may still use this database.
CREATE TABLE schema_floor (version INTEGER NOT NULL);
INSERT INTO schema_floor (version) VALUES (1);

CREATE TABLE users (
  id            TEXT PRIMARY KEY,
  login         TEXT NOT NULL,
  login_folded  TEXT NOT NULL UNIQUE,
  name          TEXT NOT NULL,
  email         TEXT NOT NULL,
  organisation  TEXT NOT NULL,
  department    TEXT NOT NULL,
  employment    TEXT NOT NULL,
  groups        TEXT NOT NULL,
  attributes    TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  disabled      INTEGER NOT NULL,
  created       INTEGER NOT NULL,
  updated       INTEGER NOT NULL
);

CREATE TABLE credentials (
  id        TEXT PRIMARY KEY,
  user_id   TEXT NOT NULL,
  kind      TEXT NOT NULL,
  name      TEXT NOT NULL,
  handle    BLOB NOT NULL UNIQUE,
  data      BLOB NOT NULL,
  created   INTEGER NOT NULL,
  last_used INTEGER NOT NULL
);
CREATE INDEX credentials_user ON credentials (user_id, created);

CREATE TABLE consents (
  user_id  TEXT NOT NULL,
  client   TEXT NOT NULL,
  resource TEXT NOT NULL,
  scopes   TEXT NOT NULL,
  at       INTEGER NOT NULL,
  PRIMARY KEY (user_id, client, resource)
);

CREATE TABLE sessions (
  id        TEXT PRIMARY KEY,
  user_id   TEXT NOT NULL,
  secret    BLOB NOT NULL UNIQUE,
  acr       TEXT NOT NULL,
  amr       TEXT NOT NULL,
  auth_time INTEGER NOT NULL,
  agent     TEXT NOT NULL,
  created   INTEGER NOT NULL,
  last_seen INTEGER NOT NULL,
  expires   INTEGER NOT NULL,
  idle      INTEGER NOT NULL,
  ended     INTEGER NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id, created);
CREATE INDEX sessions_expires ON sessions (expires);

CREATE TABLE authorizations (
  id         TEXT PRIMARY KEY,
  user_id    TEXT NOT NULL,
  client     TEXT NOT NULL,
  session_id TEXT NOT NULL,
  resources  TEXT NOT NULL,
  scopes     TEXT NOT NULL,
  acr        TEXT NOT NULL,
  amr        TEXT NOT NULL,
  auth_time  INTEGER NOT NULL,
  created    INTEGER NOT NULL,
  expires    INTEGER NOT NULL
);
CREATE INDEX authorizations_user ON authorizations (user_id, created);
CREATE INDEX authorizations_expires ON authorizations (expires);

CREATE TABLE tokens (
  hash             BLOB NOT NULL,
  id               TEXT NOT NULL,
  kind             TEXT NOT NULL,
  authorization_id TEXT NOT NULL,
  session_id       TEXT NOT NULL,
  user_id          TEXT NOT NULL,
  client           TEXT NOT NULL,
  issued           INTEGER NOT NULL,
  expires          INTEGER NOT NULL,
  used             INTEGER NOT NULL,
  data             BLOB NOT NULL
);
CREATE UNIQUE INDEX tokens_hash ON tokens (hash);
CREATE INDEX tokens_expires ON tokens (expires);

CREATE TABLE tickets (
  hash             BLOB NOT NULL,
  kind             TEXT NOT NULL,
  user_id          TEXT NOT NULL,
  authorization_id TEXT NOT NULL,
  expires          INTEGER NOT NULL,
  used             INTEGER NOT NULL,
  data             BLOB NOT NULL,
  keep_until       INTEGER NOT NULL
);
CREATE UNIQUE INDEX tickets_hash ON tickets (hash);
CREATE INDEX tickets_keep ON tickets (keep_until);

CREATE TABLE marks (
  mark    BLOB NOT NULL,
  expires INTEGER NOT NULL
);
CREATE UNIQUE INDEX marks_mark ON marks (mark);
CREATE INDEX marks_expires ON marks (expires);

CREATE TABLE revocations (
  target        TEXT PRIMARY KEY,
  issued_before INTEGER NOT NULL,
  keep_until    INTEGER NOT NULL
);
CREATE INDEX revocations_keep ON revocations (keep_until);

CREATE TABLE objects (
  kind    TEXT NOT NULL,
  id      TEXT NOT NULL,
  version INTEGER NOT NULL,
  doc     TEXT NOT NULL,
  updated INTEGER NOT NULL,
  PRIMARY KEY (kind, id)
);

CREATE TABLE signing_keys (
  id      TEXT PRIMARY KEY,
  alg     TEXT NOT NULL,
  private BLOB NOT NULL,
  created INTEGER NOT NULL,
  active  INTEGER NOT NULL,
  retired INTEGER NOT NULL,
  expires INTEGER NOT NULL
);

CREATE TABLE streams (
  id          TEXT PRIMARY KEY,
  client      TEXT NOT NULL,
  delivery    TEXT NOT NULL,
  endpoint    TEXT NOT NULL,
  events      TEXT NOT NULL,
  description TEXT NOT NULL,
  status      TEXT NOT NULL,
  acked       INTEGER NOT NULL,
  created     INTEGER NOT NULL,
  last_seen   INTEGER NOT NULL
);

CREATE TABLE attempts (
  id      INTEGER PRIMARY KEY,
  subject TEXT NOT NULL,
  at      INTEGER NOT NULL,
  expires INTEGER NOT NULL
);
CREATE INDEX attempts_subject ON attempts (subject, expires);
CREATE INDEX attempts_expires ON attempts (expires);

-- The log. body is the JSON of the event, chain its link to the one before.
CREATE TABLE events (
  seq   INTEGER PRIMARY KEY,
  at    INTEGER NOT NULL,
  type  TEXT NOT NULL,
  actor TEXT NOT NULL,
  body  TEXT NOT NULL,
  chain BLOB NOT NULL
);
CREATE INDEX events_type ON events (type, seq);
CREATE INDEX events_actor ON events (actor, seq);
CREATE INDEX events_at ON events (at);

-- Which events name an id, in whatever field.
CREATE TABLE event_subjects (
  subject TEXT NOT NULL,
  seq     INTEGER NOT NULL,
  PRIMARY KEY (subject, seq)
) WITHOUT ROWID;

-- One row: the last event. Who appends holds it until the commit.
CREATE TABLE event_head (
  seq   INTEGER NOT NULL,
  chain BLOB NOT NULL
);
INSERT INTO event_head (seq, chain) VALUES (0, zeroblob(32));

CREATE TABLE ledger (
  entry    BLOB PRIMARY KEY,
  hour     INTEGER NOT NULL,
  kind     TEXT NOT NULL,
  effect   TEXT NOT NULL,
  subject  TEXT NOT NULL,
  client   TEXT NOT NULL,
  resource TEXT NOT NULL,
  action   TEXT NOT NULL,
  policies TEXT NOT NULL,
  version  TEXT NOT NULL,
  reason   TEXT NOT NULL,
  count    INTEGER NOT NULL,
  first_at INTEGER NOT NULL,
  last_at  INTEGER NOT NULL,
  request  TEXT NOT NULL
);
CREATE INDEX ledger_hour ON ledger (hour);
CREATE INDEX ledger_subject ON ledger (subject, hour);
