import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * Numbers of many purchases are leased in one statement and one commit; the rule is that of migration 0031. Rows are taken in one order,
 * so that two batches cannot wait for each other. `lease_number` stays for replicas that are older than this.
 */
export const leasesInBatches = sqlMigration(
  '20261121-0032-leases-in-batches',
  `
create function lease_numbers(p_hashes bytea[], p_services text[], p_verifications uuid[], p_tenants uuid[], p_ats timestamptz[])
  returns table (place integer, answer text)
  language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  c record;
begin
  for c in
    select * from unnest(p_hashes, p_services, p_verifications, p_tenants, p_ats) with ordinality as i (hash, service, verification, tenant, at, position)
    order by hash, service, position
  loop
    place := c.position;
    if exists (select 1 from number_bans b where b.number_hash = c.hash and b.service in (c.service, '*') and b.until > c.at) then
      answer := 'unfit';
      return next;
      continue;
    end if;
    insert into number_leases (number_hash, service, verification_id, tenant_id, leased_at)
    values (c.hash, c.service, c.verification, c.tenant, c.at)
    on conflict (number_hash, service) do update
      set verification_id = excluded.verification_id, tenant_id = excluded.tenant_id, leased_at = excluded.leased_at, free = false
      where number_leases.free or number_leases.verification_id = excluded.verification_id;
    if found then
      answer := 'leased';
    else
      answer := case when exists (
        select 1 from number_leases l join verifications v on v.id = l.verification_id
         where l.number_hash = c.hash and l.service = c.service and policy_is_open(v.state)
      ) then 'taken' else 'unfit' end;
    end if;
    return next;
  end loop;
end $$;
`,
);
