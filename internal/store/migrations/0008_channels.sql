-- The endpoints by which messages leave to people, one of each kind. The address of a chat robot holds the key to its
-- group, so address and secret are both sealed with the data key.

-- +goose Up
CREATE TABLE channels (
    kind       text PRIMARY KEY CONSTRAINT channels_kind_check CHECK (kind IN ('sms', 'webhook', 'dingtalk', 'feishu', 'wecom')),
    url        bytea NOT NULL CHECK (length(url) > 0),
    secret     bytea NOT NULL, -- empty: messages are not signed
    updated_by text NOT NULL,
    updated_at timestamptz NOT NULL,
    version    bigint NOT NULL DEFAULT 1
);

-- +goose Down
DROP TABLE channels;
