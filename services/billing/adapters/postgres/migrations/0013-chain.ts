import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * Evidence that the books were not rewritten: transfers are sealed into blocks, each with the hash of the one before it. Writers
 * only leave the id of each new transfer in a queue, in their own transaction; one sealer at a time puts them in an order. So no
 * writer ever waits for the chain. docs/adr/0017.
 */
export const chain = sqlMigration(
  '20261121-0013-chain',
  `
create table unsealed_transfers (transfer_id uuid not null) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
create function queue_for_sealing() returns trigger language plpgsql as $$
begin
  insert into unsealed_transfers (transfer_id) select id from added;
  return null;
end $$;
create trigger transfers_queued after insert on transfers referencing new table as added for each statement execute function queue_for_sealing();
insert into unsealed_transfers (transfer_id) select id from transfers;

create table ledger_blocks (
  height bigint primary key check (height > 0),
  previous_hash bytea not null,
  hash bytea not null unique,
  transfer_ids uuid[] not null check (cardinality(transfer_ids) > 0),
  sealed_at timestamptz not null
);
create trigger ledger_blocks_immutable before update or delete or truncate on ledger_blocks for each statement execute function refuse_change();

-- Everything that a transfer says and did, as text that does not depend on settings of the session.
create function transfer_digest(t transfers) returns bytea language sql stable as $$
  select sha256(convert_to(jsonb_build_array(
    t.id, t.tenant_id, t.type, t.debit_account_id, t.credit_account_id, t.amount_micros, t.currency, t.description, t.reference, t.hold_id,
    t.payment_id, t.reverses_id, t.idempotency_key, encode(t.request_hash, 'hex'), (extract(epoch from t.created_at) * 1000000)::bigint,
    (select jsonb_agg(jsonb_build_array(e.account_id, e.amount_micros, e.account_sequence, e.balance_after_micros) order by e.account_id)
       from entries e where e.transfer_id = t.id),
    (select jsonb_agg(jsonb_build_array(g.grant_id, g.amount_micros) order by g.grant_id) from grant_entries g where g.transfer_id = t.id)
  )::text, 'UTF8'))
$$;

-- A transfer that is gone leaves its place empty, and so another hash.
create function block_hash(p_height bigint, p_previous bytea, p_ids uuid[]) returns bytea language sql stable as $$
  select sha256(p_previous || int8send(p_height) || int8send(cardinality(p_ids)::bigint) ||
                (select string_agg(coalesce(transfer_digest(t), ''), '' order by i.position)
                   from unnest(p_ids) with ordinality i (id, position) left join transfers t on t.id = i.id))
$$;

-- Seals up to p_limit transfers. No row: nothing waits, or another replica is at it.
create function seal_block(p_limit integer, p_now timestamptz) returns setof ledger_blocks language plpgsql as $$
declare
  last ledger_blocks;
  ids uuid[];
begin
  if not pg_try_advisory_xact_lock(7220100005) then return; end if;
  with taken as (
    delete from unsealed_transfers where ctid = any(array(select ctid from unsealed_transfers limit p_limit)) returning transfer_id
  )
  select array_agg(transfer_id order by transfer_id) into ids from taken;
  if ids is null then return; end if;
  select * into last from ledger_blocks order by height desc limit 1;
  last.height := coalesce(last.height, 0);
  last.hash := coalesce(last.hash, ''::bytea);
  return query
    insert into ledger_blocks (height, previous_hash, hash, transfer_ids, sealed_at)
    values (last.height + 1, last.hash, block_hash(last.height + 1, last.hash, ids), ids, p_now) returning *;
end $$;
`,
);
