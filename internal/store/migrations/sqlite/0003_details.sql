-- +goose Up
ALTER TABLE authorizations ADD COLUMN details TEXT NOT NULL DEFAULT '[]';
ALTER TABLE authorizations ADD COLUMN userinfo TEXT NOT NULL DEFAULT '[]';
ALTER TABLE consents ADD COLUMN declined TEXT NOT NULL DEFAULT '[]';
ALTER TABLE consents ADD COLUMN details TEXT NOT NULL DEFAULT '[]';
