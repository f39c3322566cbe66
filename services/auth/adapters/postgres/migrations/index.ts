import { platformMigration, sqlMigration, type NamedMigration } from '#platform/postgres/index.ts';

const tables = sqlMigration(
  '20261121-0001-auth',
  `
create table tenants (
  id uuid primary key,
  name text not null,
  plan text not null check (plan in ('starter', 'pro', 'enterprise')),
  version integer not null default 1,
  created_at timestamptz not null
);

create table users (
  id uuid primary key,
  email text not null,
  password_hash text not null,
  email_verified_at timestamptz,
  created_at timestamptz not null
);
create unique index users_email_key on users (lower(email));

create table memberships (
  tenant_id uuid not null references tenants (id),
  user_id uuid not null references users (id),
  role text not null check (role in ('owner', 'admin', 'staff', 'viewer')),
  joined_at timestamptz not null,
  primary key (tenant_id, user_id)
);
create index memberships_user on memberships (user_id, joined_at desc, tenant_id desc);
create index memberships_page on memberships (tenant_id, joined_at desc, user_id desc);

-- generation and token_hash belong to the newest refresh token; older ones are known by their own tag.
create table sessions (
  id uuid primary key,
  tenant_id uuid not null,
  user_id uuid not null,
  generation integer not null default 0,
  token_hash bytea not null,
  created_at timestamptz not null,
  rotated_at timestamptz not null,
  ended_at timestamptz,
  end_reason text check (end_reason in ('logout', 'reuse_detected', 'expired')),
  user_agent text not null,
  ip_address text not null,
  foreign key (tenant_id, user_id) references memberships (tenant_id, user_id) on delete cascade,
  check ((ended_at is null) = (end_reason is null))
);
create index sessions_member on sessions (tenant_id, user_id);
create index sessions_live_user on sessions (user_id) where ended_at is null;
create index sessions_live_rotated on sessions (rotated_at) where ended_at is null;
create index sessions_live_created on sessions (created_at) where ended_at is null;
create index sessions_ended on sessions (ended_at) where ended_at is not null;

-- The key itself is stored as SHA-256 only; sealed_key is its encrypted copy for a lost reply, gone after a day.
create table api_keys (
  id uuid primary key,
  tenant_id uuid not null,
  created_by uuid not null,
  name text not null,
  digest bytea not null,
  prefix text not null,
  mode text not null check (mode in ('live', 'test')),
  scopes text[] not null,
  created_at timestamptz not null,
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz,
  idempotency_key text,
  fingerprint bytea,
  sealed_key bytea,
  foreign key (tenant_id, created_by) references memberships (tenant_id, user_id) on delete cascade
);
create unique index api_keys_digest on api_keys (digest);
create unique index api_keys_idempotency on api_keys (tenant_id, idempotency_key) where idempotency_key is not null;
create index api_keys_page on api_keys (tenant_id, created_at desc, id desc);
create index api_keys_member on api_keys (tenant_id, created_by);
create index api_keys_replay on api_keys (created_at) where idempotency_key is not null;

create table email_verifications (
  user_id uuid primary key references users (id) on delete cascade,
  tenant_id uuid not null references tenants (id),
  token_hash bytea not null,
  sealed_token bytea not null,
  expires_at timestamptz not null
);
create unique index email_verifications_token on email_verifications (token_hash);
create index email_verifications_expiry on email_verifications (expires_at);

create table invitations (
  id uuid primary key,
  tenant_id uuid not null references tenants (id),
  email text not null,
  role text not null check (role in ('owner', 'admin', 'staff', 'viewer')),
  invited_by uuid not null,
  token_hash bytea,
  sealed_token bytea,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  accepted_at timestamptz
);
create unique index invitations_open on invitations (tenant_id, lower(email)) where accepted_at is null;
create unique index invitations_token on invitations (token_hash) where token_hash is not null;
create index invitations_expiry on invitations (expires_at) where accepted_at is null;

-- Keys are hashes: neither addresses nor networks are readable here.
create table throttles (
  key text primary key,
  attempts integer not null,
  blocked_until timestamptz not null,
  updated_at timestamptz not null
);
create index throttles_updated on throttles (updated_at);

create table signing_keys (
  kid text primary key,
  public_jwk jsonb not null,
  sealed_private_jwk bytea not null,
  created_at timestamptz not null,
  signs_from timestamptz not null
);
`,
);

const operators = sqlMigration(
  '20261121-0002-operators',
  `
-- People who run the platform, whatever tenant they are in.
create table operators (
  user_id uuid primary key references users (id) on delete cascade,
  granted_by text not null,
  granted_at timestamptz not null
);
`,
);

/** When the plan was decided: decisions may arrive out of order. */
const planSetAt = sqlMigration(
  '20261121-0040-plan-set-at',
  `alter table tenants add column plan_set_at timestamptz not null default '-infinity'`,
);

export const migrations: readonly NamedMigration[] = [platformMigration, tables, operators, planSetAt];
