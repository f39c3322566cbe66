import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isAppError, type ErrorCode } from '#platform/errors/index.ts';
import type { Principal } from '#platform/grpc/index.ts';
import { newId } from '#platform/ids/index.ts';
import { openDatabase, type Database } from '#platform/postgres/index.ts';
import { eventually, testPrincipal } from '#platform/testing/index.ts';
import type { Campaign, CreateContactRequest } from '#proto/namaskah/campaign/v1/campaign.ts';
import { startCampaign, startSimulator } from './testing/service.ts';

const is =
  (code: ErrorCode, field?: string) =>
  (error: unknown): boolean => {
    assert.ok(isAppError(error, code), `${String(error)} is not ${code}`);
    if (field !== undefined)
      assert.ok(
        error.fields.some((violation) => violation.field === field),
        JSON.stringify(error.fields),
      );
    return true;
  };
const person = (phone: string, rest: Partial<CreateContactRequest> = {}): CreateContactRequest => ({
  idempotencyKey: newId(),
  phone,
  firstName: '',
  lastName: '',
  email: '',
  tags: [],
  fields: {},
  ...rest,
});
const everybody = { selection: { $case: 'all', value: {} } } as const;

describe('campaign service', () => {
  let simulator: Awaited<ReturnType<typeof startSimulator>>;
  let t: Awaited<ReturnType<typeof startCampaign>>;
  let db: Database;
  before(async () => {
    simulator = await startSimulator();
    t = await startCampaign(simulator.smppPort);
    db = await openDatabase({ url: t.database.url, applicationName: 'test' });
  });
  after(async () => {
    await db.close();
    await t.close();
    await simulator.close();
  });

  const get = async (principal: Principal, id: string): Promise<Campaign> => {
    const { campaign } = await t.campaigns.getCampaign({ id }, { principal });
    assert.ok(campaign?.counts);
    return campaign;
  };
  const draft = async (principal: Principal, body: string, key = newId()): Promise<Campaign> => {
    const { campaign } = await t.campaigns.createCampaign(
      { idempotencyKey: key, name: 'Autumn', body, audience: everybody },
      { principal },
    );
    assert.ok(campaign);
    return campaign;
  };
  const fill = async (tenantId: string, count: number): Promise<void> => {
    await db.query(
      `insert into contacts (id, tenant_id, phone, first_name, last_name, email, tags, fields, created_at)
       select gen_random_uuid(), $1, '+1212' || (5000000 + i), 'N' || i, '', '', '{}', '{}', now() from generate_series(1, $2::int) i`,
      [tenantId, count],
    );
  };

  it('is ready with its own dependencies', async () => {
    await eventually(async () => assert.equal((await t.service.ready()).ready, true));
  });

  it('keeps every method from strangers, viewers from writing, and limited keys to their scopes', async () => {
    const viewer = { principal: testPrincipal({ roles: ['viewer'] }) };
    const key = { principal: testPrincipal({ subject: `key:${newId()}`, scopes: ['contacts:write'] }) };
    const id = newId();
    const calls: Record<string, (options: object) => Promise<unknown>> = {
      createContact: (o) => t.contacts.createContact(person('+447700900001'), o),
      createCampaign: (o) => t.campaigns.createCampaign({ idempotencyKey: newId(), name: 'A', body: 'B', audience: everybody }, o),
      launchCampaign: (o) => t.campaigns.launchCampaign({ id, idempotencyKey: newId() }, o),
      pauseCampaign: (o) => t.campaigns.pauseCampaign({ id }, o),
      resumeCampaign: (o) => t.campaigns.resumeCampaign({ id }, o),
      cancelCampaign: (o) => t.campaigns.cancelCampaign({ id }, o),
      getContact: (o) => t.contacts.getContact({ id }, o),
      getCampaign: (o) => t.campaigns.getCampaign({ id }, o),
      listContacts: (o) => t.contacts.listContacts({ page: undefined, search: '', tag: '' }, o),
      listCampaigns: (o) => t.campaigns.listCampaigns({ page: undefined, status: '' }, o),
    };
    for (const [name, call] of Object.entries(calls)) {
      await assert.rejects(call({}), is('auth.unauthenticated'), name);
      const writes = !/^(get|list)/.test(name);
      if (writes) await assert.rejects(call(viewer), is('auth.forbidden'), name);
      if (name.startsWith('list')) await call(viewer);
      if (name.startsWith('get')) await assert.rejects(call(viewer), is('request.not_found'), name);
      if (name !== 'createContact') await assert.rejects(call(key), is('auth.forbidden'), name);
    }
    await calls['createContact']?.(key);
  });

  describe('contacts', () => {
    it('stores E.164 once per tenant, repeats by key, and names wrong fields', async () => {
      const o = { principal: testPrincipal() };
      const request = person('+44 7700 900123', { firstName: ' Ada ', tags: ['vip', 'vip', ' beta '], fields: { city: 'London' } });
      const { contact } = await t.contacts.createContact(request, o);
      assert.deepEqual(
        [contact?.phone, contact?.firstName, contact?.tags, contact?.fields],
        ['+447700900123', 'Ada', ['vip', 'beta'], { city: 'London' }],
      );
      assert.deepEqual((await t.contacts.createContact(request, o)).contact, contact);
      await assert.rejects(t.contacts.createContact({ ...request, firstName: 'Eve' }, o), is('request.idempotency_conflict'));
      await assert.rejects(t.contacts.createContact(person('+447700900123'), o), is('campaign.contact_exists', 'phone'));
      await t.contacts.createContact(person('+447700900123'), { principal: testPrincipal() });

      await assert.rejects(t.contacts.createContact(person('07700 900123'), o), is('request.invalid', 'phone'));
      await assert.rejects(t.contacts.createContact(person('+447700900124', { email: 'nobody' }), o), is('request.invalid', 'email'));
      await assert.rejects(t.contacts.createContact(person('+447700900124', { firstName: 'a\0b' }), o), is('request.invalid', 'firstName'));
      await assert.rejects(t.contacts.createContact(person('+447700900124', { tags: [''] }), o), is('request.invalid', 'tags[0]'));
      const fields = Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`f${i}`, 'x']));
      await assert.rejects(t.contacts.createContact(person('+447700900124', { fields }), o), is('request.invalid', 'fields'));

      const found = await t.contacts.getContact({ id: contact?.id ?? '' }, o);
      assert.deepEqual(
        found.timeline.map(({ type }) => type),
        ['created'],
      );
      await assert.rejects(t.contacts.getContact({ id: contact?.id ?? '' }, { principal: testPrincipal() }), is('request.not_found'));
      await assert.rejects(t.contacts.getContact({ id: 'nonsense' }, o), is('request.not_found'));
    });

    it('finds by name, number, e-mail and tag, in pages without gaps', async () => {
      const o = { principal: testPrincipal() };
      for (let i = 0; i < 7; i += 1) {
        await t.contacts.createContact(
          person(`+4477009002${10 + i}`, {
            firstName: i % 2 ? 'Ann' : 'Bob',
            lastName: `100%_${i}`,
            email: `p${i}@example.com`,
            tags: i < 3 ? ['early'] : [],
          }),
          o,
        );
      }
      const list = async (search: string, tag = '', limit = 0): Promise<string[]> => {
        const names: string[] = [];
        for (let cursor = ''; ;) {
          const { contacts, nextCursor } = await t.contacts.listContacts({ page: { limit, cursor }, search, tag }, o);
          names.push(...contacts.map(({ lastName }) => lastName));
          if (nextCursor === '') return names;
          cursor = nextCursor;
        }
      };
      const all = [6, 5, 4, 3, 2, 1, 0].map((i) => `100%_${i}`);
      assert.deepEqual(await list('', '', 3), all);
      assert.deepEqual(await list('ANN', '', 2), ['100%_5', '100%_3', '100%_1']);
      assert.deepEqual(await list('bob 100%_2'), ['100%_2']);
      assert.deepEqual(await list('100%_4'), ['100%_4']);
      assert.deepEqual(await list('100_'), [], 'wildcards are letters');
      assert.deepEqual(await list('p3@'), ['100%_3']);
      assert.deepEqual(await list('+44 7700 900215'), ['100%_5']);
      assert.deepEqual(await list('', 'early', 2), ['100%_2', '100%_1', '100%_0']);
      assert.deepEqual(await list('ann', 'early'), ['100%_1']);
      await assert.rejects(
        t.contacts.listContacts({ page: { limit: 101, cursor: '' }, search: '', tag: '' }, o),
        is('request.invalid', 'limit'),
      );
      await assert.rejects(
        t.contacts.listContacts({ page: { limit: 1, cursor: 'x' }, search: '', tag: '' }, o),
        is('request.invalid', 'cursor'),
      );
      // A cursor that can be read, but whose value is no id.
      const forged = Buffer.from(JSON.stringify(['nonsense'])).toString('base64url');
      await assert.rejects(
        t.contacts.listContacts({ page: { limit: 1, cursor: forged }, search: '', tag: '' }, o),
        is('request.invalid', 'cursor'),
      );
      await assert.rejects(
        t.campaigns.listCampaigns({ page: { limit: 1, cursor: forged }, status: '' }, o),
        is('request.invalid', 'cursor'),
      );
    });
  });

  it('checks a campaign when it is made', async () => {
    const o = { principal: testPrincipal() };
    const make = (change: object) =>
      t.campaigns.createCampaign({ idempotencyKey: newId(), name: 'A', body: 'B', audience: everybody, ...change }, o);
    await assert.rejects(
      make({ body: 'one\n{{ broken' }),
      (e: unknown) => is('request.invalid', 'body')(e) && isAppError(e) && /Line 2/.test(e.fields[0]?.reason ?? ''),
    );
    await assert.rejects(make({ body: 'x'.repeat(1_601) }), is('request.invalid', 'body'));
    await assert.rejects(make({ name: ' ' }), is('request.invalid', 'name'));
    await assert.rejects(make({ audience: undefined }), is('request.invalid', 'audience'));
    await assert.rejects(
      make({ audience: { selection: { $case: 'contactIds', value: { ids: [newId()] } } } }),
      is('request.invalid', 'audience.contactIds[0]'),
    );
    const key = newId();
    const made = await draft(o.principal, 'Hi {{ firstName | default: "friend" }}', key);
    assert.deepEqual(await draft(o.principal, 'Hi {{ firstName | default: "friend" }}', key), made);
    assert.deepEqual([made.status, made.version], ['CAMPAIGN_STATUS_DRAFT', 1n]);
    const { campaigns } = await t.campaigns.listCampaigns({ page: undefined, status: 'draft' }, o);
    assert.deepEqual(
      campaigns.map(({ id }) => id),
      [made.id],
    );
    await assert.rejects(t.campaigns.listCampaigns({ page: undefined, status: 'sleeping' }, o), is('request.invalid', 'status'));
    await assert.rejects(t.campaigns.pauseCampaign({ id: made.id }, o), is('campaign.wrong_state'));
    await assert.rejects(t.campaigns.cancelCampaign({ id: made.id }, { principal: testPrincipal() }), is('request.not_found'));
    assert.equal((await t.campaigns.cancelCampaign({ id: made.id }, o)).campaign?.status, 'CAMPAIGN_STATUS_CANCELLED');
  });

  it('sends 5,000 messages over SMPP, each once, and receives their receipts', { timeout: 120_000 }, async (test) => {
    const principal = testPrincipal();
    await fill(principal.tenantId, 5_000);
    const { id } = await draft(principal, 'Hi {{ firstName }}, your code is {{ fields.none | default: "none" }}');
    const launchedAt = performance.now();
    const { campaign: launched } = await t.campaigns.launchCampaign({ id, idempotencyKey: newId() }, { principal });
    const plannedMs = performance.now() - launchedAt;
    assert.equal(launched?.estimatedCost?.micros, 4_500n * 5_000n);
    await eventually(async () => assert.equal((await get(principal, id)).status, 'CAMPAIGN_STATUS_COMPLETED'), { timeoutMs: 60_000 });
    const sentMs = performance.now() - launchedAt - plannedMs;
    await eventually(async () => assert.equal((await get(principal, id)).counts?.delivered, 5_000n), { timeoutMs: 60_000 });
    const done = await get(principal, id);
    const receiptedMs = performance.now() - launchedAt - plannedMs;
    assert.deepEqual([done.counts?.planned, done.counts?.submitted, done.counts?.failed], [5_000n, 5_000n, 0n]);
    assert.equal(done.charged?.micros, 4_500n * 5_000n);
    const rate = (ms: number): number => Math.round(5_000 / (ms / 1_000));
    test.diagnostic(`planned in ${Math.round(plannedMs)} ms; ${rate(sentMs)} msg/s sent, ${rate(receiptedMs)} msg/s with every receipt`);
    const [seen] = await db.query<{ parts: bigint; ids: bigint }>(
      'select count(*) as parts, count(distinct p.message_id) as ids from message_parts p join send_jobs j on j.id = p.job_id where j.campaign_id = $1',
      [id],
    );
    assert.deepEqual(seen, { parts: 5_000n, ids: 5_000n });
  });

  it('survives faults of the carrier: counts add up, nothing is sent twice', { timeout: 120_000 }, async () => {
    // A carrier of its own: receipts of a broken link go to any other one, which must be of the same service.
    const carrier = await startSimulator();
    await carrier.control('settings', 'PATCH', {
      smpp: {
        faultRatios: {
          throttled: 0.05,
          queue_full: 0.02,
          temporary_error: 0.02,
          invalid_destination: 0.02,
          lost_response: 0.01,
          disconnect: 0.002,
        },
        receiptRatios: { duplicate: 0.1, early: 0.1, undelivered: 0.05 },
      },
    });
    const faulty = await startCampaign(carrier.smppPort, { SMPP_RESPONSE_TIMEOUT_MS: '500' });
    const own = await openDatabase({ url: faulty.database.url, applicationName: 'test' });
    try {
      const principal = testPrincipal();
      await own.query(
        `insert into contacts (id, tenant_id, phone, first_name, last_name, email, tags, fields, created_at)
         select gen_random_uuid(), $1, '+1313' || (5000000 + i), 'N' || i, '', '', '{}', '{}', now() from generate_series(1, 600) i`,
        [principal.tenantId],
      );
      const { campaign } = await faulty.campaigns.createCampaign(
        { idempotencyKey: newId(), name: 'F', body: 'Hi {{ firstName }}', audience: everybody },
        { principal },
      );
      const id = campaign?.id ?? '';
      await faulty.campaigns.launchCampaign({ id, idempotencyKey: 'k' }, { principal });
      const read = async (): Promise<Campaign> => (await faulty.campaigns.getCampaign({ id }, { principal })).campaign!;
      await eventually(async () => assert.equal((await read()).status, 'CAMPAIGN_STATUS_COMPLETED'), {
        timeoutMs: 90_000,
        intervalMs: 100,
      });
      const settled = async (): Promise<bigint> => {
        const { counts } = await read();
        return (counts?.delivered ?? 0n) + (counts?.failed ?? 0n) + (counts?.unknown ?? 0n);
      };
      await eventually(async () => assert.equal(await settled(), 600n), { timeoutMs: 60_000, intervalMs: 100 });
      const { counts } = await read();
      assert.equal(counts?.planned, 600n);
      assert.ok((counts?.unknown ?? 0n) > 0n, 'lost answers are listed');
      const { data } = (await carrier.control('submissions?limit=10000')) as { data: { to: string }[] };
      assert.ok(data.length >= Number(counts?.delivered), 'the carrier lists what it took');
      assert.equal(new Set(data.map(({ to }) => to)).size, data.length, 'the carrier took a message twice');
    } finally {
      await own.close();
      await faulty.close();
      await carrier.close();
    }
  });

  it('honours STOP from a handset before the next message', { timeout: 30_000 }, async () => {
    const principal = testPrincipal();
    const phone = '+447700900777';
    const { contact } = await t.contacts.createContact(person(phone, { firstName: 'Zoe' }), { principal });
    const first = await draft(principal, 'One');
    await t.campaigns.launchCampaign({ id: first.id, idempotencyKey: 'k' }, { principal });
    await eventually(async () => assert.equal((await get(principal, first.id)).counts?.delivered, 1n), { timeoutMs: 10_000 });
    await simulator.control('inbound', 'POST', { from: phone, to: '+15005550006', text: 'Stop' });
    await eventually(async () =>
      assert.equal((await t.contacts.getContact({ id: contact?.id ?? '' }, { principal })).contact?.doNotContact, true),
    );
    const second = await draft(principal, 'Two');
    await assert.rejects(t.campaigns.launchCampaign({ id: second.id, idempotencyKey: 'k' }, { principal }), is('campaign.empty_audience'));
    const { timeline } = await t.contacts.getContact({ id: contact?.id ?? '' }, { principal });
    assert.deepEqual(
      new Set(timeline.map(({ type }) => type)),
      new Set(['created', 'message.submitted', 'message.delivered', 'opted_out']),
    );
  });
});
