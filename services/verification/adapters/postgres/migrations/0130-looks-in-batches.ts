import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * The next looks at many verifications are one statement and one commit, which nobody waits for the disk for: a look that a crash of the server takes
 * back comes too early, once. Locked in the order of ids, as changes are (migration 0039, which also says why it is a function).
 */
export const looksInBatches = sqlMigration(
  '20261121-0130-looks-in-batches',
  `
create function reschedule_verifications(p_id uuid[], p_tenant_id uuid[], p_state text[], p_attempts int[], p_due_at timestamptz[])
  returns void language plpgsql
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_material = off
as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  perform 1 from verifications where id = any(p_id) order by id for no key update;
  update verifications v set due_at = w.due_at, leased_until = null
    from unnest(p_id, p_tenant_id, p_state, p_attempts, p_due_at) as w (id, tenant_id, state, attempts, due_at)
   where v.id = w.id and v.tenant_id = w.tenant_id and v.state = w.state and v.attempts = w.attempts;
end $$;
`,
);
