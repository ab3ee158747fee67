-- The places of JWTs in Token Status Lists. What a bit says is not kept: it follows from the revocations.

-- +goose Up
CREATE TABLE statuses (
	token TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	list TEXT COLLATE "C" NOT NULL,
	place BIGINT NOT NULL,
	issued BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	targets TEXT NOT NULL
);
CREATE UNIQUE INDEX statuses_place ON statuses (list, place);
CREATE INDEX statuses_expires ON statuses (expires);
