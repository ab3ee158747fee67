-- +goose Up

-- The oldest schema version whose binaries may still use this database.
CREATE TABLE schema_floor (version BIGINT NOT NULL);
INSERT INTO schema_floor (version) VALUES (1);

CREATE TABLE users (
  id            TEXT COLLATE "C" PRIMARY KEY,
  login         TEXT COLLATE "C" NOT NULL,
  login_folded  TEXT COLLATE "C" NOT NULL UNIQUE,
  name          TEXT COLLATE "C" NOT NULL,
  email         TEXT COLLATE "C" NOT NULL,
  organisation  TEXT COLLATE "C" NOT NULL,
  department    TEXT COLLATE "C" NOT NULL,
  employment    TEXT COLLATE "C" NOT NULL,
  groups        TEXT COLLATE "C" NOT NULL,
  attributes    TEXT COLLATE "C" NOT NULL,
  password_hash TEXT COLLATE "C" NOT NULL,
  disabled      BIGINT NOT NULL,
  created       BIGINT NOT NULL,
  updated       BIGINT NOT NULL
);

CREATE TABLE credentials (
  id        TEXT COLLATE "C" PRIMARY KEY,
  user_id   TEXT COLLATE "C" NOT NULL,
  kind      TEXT COLLATE "C" NOT NULL,
  name      TEXT COLLATE "C" NOT NULL,
  handle    BYTEA NOT NULL UNIQUE,
  data      BYTEA NOT NULL,
  created   BIGINT NOT NULL,
  last_used BIGINT NOT NULL
);
CREATE INDEX credentials_user ON credentials (user_id, created);

CREATE TABLE consents (
  user_id  TEXT COLLATE "C" NOT NULL,
  client   TEXT COLLATE "C" NOT NULL,
  resource TEXT COLLATE "C" NOT NULL,
  scopes   TEXT COLLATE "C" NOT NULL,
  at       BIGINT NOT NULL,
  PRIMARY KEY (user_id, client, resource)
);

CREATE TABLE sessions (
  id        TEXT COLLATE "C" PRIMARY KEY,
  user_id   TEXT COLLATE "C" NOT NULL,
  secret    BYTEA NOT NULL UNIQUE,
  acr       TEXT COLLATE "C" NOT NULL,
  amr       TEXT COLLATE "C" NOT NULL,
  auth_time BIGINT NOT NULL,
  agent     TEXT COLLATE "C" NOT NULL,
  created   BIGINT NOT NULL,
  last_seen BIGINT NOT NULL,
  expires   BIGINT NOT NULL,
  idle      BIGINT NOT NULL,
  ended     BIGINT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id, created);
CREATE INDEX sessions_expires ON sessions (expires);

CREATE TABLE authorizations (
  id         TEXT COLLATE "C" PRIMARY KEY,
  user_id    TEXT COLLATE "C" NOT NULL,
  client     TEXT COLLATE "C" NOT NULL,
  session_id TEXT COLLATE "C" NOT NULL,
  resources  TEXT COLLATE "C" NOT NULL,
  scopes     TEXT COLLATE "C" NOT NULL,
  acr        TEXT COLLATE "C" NOT NULL,
  amr        TEXT COLLATE "C" NOT NULL,
  auth_time  BIGINT NOT NULL,
  created    BIGINT NOT NULL,
  expires    BIGINT NOT NULL
);
CREATE INDEX authorizations_user ON authorizations (user_id, created);
CREATE INDEX authorizations_expires ON authorizations (expires);

CREATE TABLE tokens (
  hash             BYTEA NOT NULL,
  id               TEXT COLLATE "C" NOT NULL,
  kind             TEXT COLLATE "C" NOT NULL,
  authorization_id TEXT COLLATE "C" NOT NULL,
  session_id       TEXT COLLATE "C" NOT NULL,
  user_id          TEXT COLLATE "C" NOT NULL,
  client           TEXT COLLATE "C" NOT NULL,
  issued           BIGINT NOT NULL,
  expires          BIGINT NOT NULL,
  used             BIGINT NOT NULL,
  data             BYTEA NOT NULL
);
CREATE UNIQUE INDEX tokens_hash ON tokens (hash);
CREATE INDEX tokens_expires ON tokens (expires);

CREATE TABLE tickets (
  hash             BYTEA NOT NULL,
  kind             TEXT COLLATE "C" NOT NULL,
  user_id          TEXT COLLATE "C" NOT NULL,
  authorization_id TEXT COLLATE "C" NOT NULL,
  expires          BIGINT NOT NULL,
  used             BIGINT NOT NULL,
  data             BYTEA NOT NULL,
  keep_until       BIGINT NOT NULL
);
CREATE UNIQUE INDEX tickets_hash ON tickets (hash);
CREATE INDEX tickets_keep ON tickets (keep_until);

CREATE TABLE marks (
  mark    BYTEA NOT NULL,
  expires BIGINT NOT NULL
);
CREATE UNIQUE INDEX marks_mark ON marks (mark);
CREATE INDEX marks_expires ON marks (expires);

CREATE TABLE revocations (
  target        TEXT COLLATE "C" PRIMARY KEY,
  issued_before BIGINT NOT NULL,
  keep_until    BIGINT NOT NULL
);
CREATE INDEX revocations_keep ON revocations (keep_until);

CREATE TABLE objects (
  kind    TEXT COLLATE "C" NOT NULL,
  id      TEXT COLLATE "C" NOT NULL,
  version BIGINT NOT NULL,
  doc     TEXT COLLATE "C" NOT NULL,
  updated BIGINT NOT NULL,
  PRIMARY KEY (kind, id)
);

CREATE TABLE signing_keys (
  id      TEXT COLLATE "C" PRIMARY KEY,
  alg     TEXT COLLATE "C" NOT NULL,
  private BYTEA NOT NULL,
  created BIGINT NOT NULL,
  active  BIGINT NOT NULL,
  retired BIGINT NOT NULL,
  expires BIGINT NOT NULL
);

CREATE TABLE streams (
  id          TEXT COLLATE "C" PRIMARY KEY,
  client      TEXT COLLATE "C" NOT NULL,
  delivery    TEXT COLLATE "C" NOT NULL,
  endpoint    TEXT COLLATE "C" NOT NULL,
  events      TEXT COLLATE "C" NOT NULL,
  description TEXT COLLATE "C" NOT NULL,
  status      TEXT COLLATE "C" NOT NULL,
  acked       BIGINT NOT NULL,
  created     BIGINT NOT NULL,
  last_seen   BIGINT NOT NULL
);

CREATE TABLE attempts (
  id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  subject TEXT COLLATE "C" NOT NULL,
  at      BIGINT NOT NULL,
  expires BIGINT NOT NULL
);
CREATE INDEX attempts_subject ON attempts (subject, expires);
CREATE INDEX attempts_expires ON attempts (expires);

-- The log. body is the JSON of the event, chain its link to the one before.
CREATE TABLE events (
  seq   BIGINT PRIMARY KEY,
  at    BIGINT NOT NULL,
  type  TEXT COLLATE "C" NOT NULL,
  actor TEXT COLLATE "C" NOT NULL,
  body  TEXT COLLATE "C" NOT NULL,
  chain BYTEA NOT NULL
);
CREATE INDEX events_type ON events (type, seq);
CREATE INDEX events_actor ON events (actor, seq);
CREATE INDEX events_at ON events (at);

-- Which events name an id, in whatever field.
CREATE TABLE event_subjects (
  subject TEXT COLLATE "C" NOT NULL,
  seq     BIGINT NOT NULL,
  PRIMARY KEY (subject, seq)
);

-- One row: the last event. Who appends holds it until the commit.
CREATE TABLE event_head (
  seq   BIGINT NOT NULL,
  chain BYTEA NOT NULL
);
INSERT INTO event_head (seq, chain) VALUES (0, decode(repeat('00', 32), 'hex'));

CREATE TABLE ledger (
  entry    BYTEA PRIMARY KEY,
  hour     BIGINT NOT NULL,
  kind     TEXT COLLATE "C" NOT NULL,
  effect   TEXT COLLATE "C" NOT NULL,
  subject  TEXT COLLATE "C" NOT NULL,
  client   TEXT COLLATE "C" NOT NULL,
  resource TEXT COLLATE "C" NOT NULL,
  action   TEXT COLLATE "C" NOT NULL,
  policies TEXT COLLATE "C" NOT NULL,
  version  TEXT COLLATE "C" NOT NULL,
  reason   TEXT COLLATE "C" NOT NULL,
  count    BIGINT NOT NULL,
  first_at BIGINT NOT NULL,
  last_at  BIGINT NOT NULL,
  request  TEXT COLLATE "C" NOT NULL
);
CREATE INDEX ledger_hour ON ledger (hour);
CREATE INDEX ledger_subject ON ledger (subject, hour);
