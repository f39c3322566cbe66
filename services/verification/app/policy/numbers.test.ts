import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { type ErrorCode, isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { addMs, dayMs, hourMs, minuteMs } from '#platform/time/index.ts';
import { postgresAbuseReports } from '../../adapters/postgres/policy/abuse.ts';
import { postgresDecisions } from '../../adapters/postgres/policy/audit.ts';
import { postgresBans } from '../../adapters/postgres/policy/bans.ts';
import { type Harness, openHarness } from '../../testing/harness.ts';
import { testRules } from '../../testing/policy/rules.ts';
import { cancelVerification } from '../cancel-verification.ts';
import { createVerification } from '../create-verification.ts';
import { getVerification } from '../get-verification.ts';
import { snapshotReader } from '../../adapters/postgres/live/reader.ts';
import type { BatchItem } from '../../domain/bulk/batch.ts';
import type { Verification } from '../../domain/verification.ts';
import { itemView } from '../bulk/view.ts';
import { exportVerifications } from '../history/export-verifications.ts';
import { listChanges } from '../history/list-changes.ts';
import { listMessages } from '../history/list-messages.ts';
import { listVerifications } from '../list-verifications.ts';
import { getVerifications } from '../live/get-verifications.ts';
import type { NumberProvider, Ports } from '../ports.ts';
import { receivePush } from '../receive-push.ts';
import { banNumber } from './ban-number.ts';
import { decideAbuseReport } from './decide-abuse-report.ts';
import { numberHash } from './hash-number.ts';
import { liftBan } from './lift-ban.ts';
import { listAbuseReports } from './list-abuse-reports.ts';
import { listBans } from './list-bans.ts';
import { reportAbuse } from './report-abuse.ts';
import { weighReports } from './weigh-reports.ts';
import { workReturns } from './work-returns.ts';

const refusedWith = (code: ErrorCode) => (error: unknown) =>
  isAppError(error, code) || assert.fail(`expected ${code}, got ${String(error)}`);
const onField = (field: string) => (error: unknown) => isAppError(error, 'request.invalid') && error.fields[0]?.field === field;
const operator = 'user:operator';
const note = 'because the tests say so';

const itemOfTest = ({ id, tenantId, service, country, capability }: Verification): BatchItem => ({
  ...{ batchId: newId(), position: 1, tenantId, service, country, capability, operator: '', areaCode: '' },
  ...{ excludedProviders: [], preferredProviders: [], priceMicros: undefined, quoteId: undefined },
  ...{ state: 'bought', reason: undefined, verificationId: id, attempts: 0 },
});

describe('numbers', () => {
  let h: Harness;
  before(async () => void (h = await openHarness()));
  after(() => h?.close());

  const hashNumber = (phone: string) => numberHash(h.ports.sealer)(phone);
  const buy = (tenantId = newId(), ports: Ports = h.ports) => createVerification(ports)(h.request({ tenantId, idempotencyKey: newId() }));
  const activationOf = async (id: string): Promise<string> => {
    const [row] = await h.db.query<{ activation_id: string }>('select activation_id from verifications where id = $1', [id]);
    return row?.activation_id ?? assert.fail('no activation');
  };
  const deliver = async (id: string, text = 'Your code is 12345') => receivePush(h.ports)(h.push(await activationOf(id), text));
  /** The same ports, whose provider hands out these numbers first. */
  const handing = (...phones: string[]): Ports => {
    const rest = [...phones];
    const provider: NumberProvider = {
      ...h.provider,
      acquire: async (order) => {
        const answer = await h.provider.acquire(order);
        const phoneNumber = rest.shift();
        return answer.kind === 'granted' && phoneNumber !== undefined ? { ...answer, phoneNumber } : answer;
      },
    };
    return { ...h.ports, providers: { ...h.ports.providers, named: () => provider } };
  };
  const stateAtProvider = (activationId: string) => h.provider.rented.find(({ id }) => id === activationId)?.state;
  const returns = () => h.db.query<{ activation_id: string }>('select activation_id from number_returns');
  const bans = () => postgresBans(h.db);

  it('asked about together, one number goes to one purchase per service, whoever is first in the batch', async () => {
    const phone = '+6281200004711';
    const wanted = (service: string) => ({ id: newId(), tenantId: newId(), service, createdAt: h.clock.now() });
    const asked = [...Array.from({ length: 20 }, () => wanted('telegram')), ...Array.from({ length: 20 }, () => wanted('whatsapp'))];
    const answers = await Promise.all(asked.map((one) => h.ports.numbers.lease(one, phone)));
    const winners = asked.filter((_, index) => answers[index] === 'leased');
    assert.deepEqual(winners.map(({ service }) => service).toSorted(), ['telegram', 'whatsapp']);
    assert.equal(answers.filter((answer) => answer === 'unfit').length, 38, 'none of them is a purchase that still waits');
    assert.deepEqual(await Promise.all(winners.map((one) => h.ports.numbers.lease(one, phone))), ['leased', 'leased'], 'asked again');
  });

  it('that brought a code are not sold again for the service: given back, and another one is bought', async () => {
    const [owner, other] = [newId(), newId()];
    const first = await buy(owner);
    await deliver(first.id);
    const second = await buy(other, handing(first.phoneNumber));
    assert.notEqual(second.phoneNumber, first.phoneNumber);
    const given = h.provider.rented.at(-2);
    assert.equal(given && stateAtProvider(given.id), 'cancelled', 'the unfit one went back');
    assert.deepEqual(await returns(), []);
    assert.equal(h.ledger.holds.get(second.id)?.amountMicros, second.price.micros, 'one hold, one price');
    const another = await createVerification(handing(first.phoneNumber))(
      h.request({ tenantId: other, service: 'whatsapp', idempotencyKey: newId() }),
    );
    assert.equal(another.phoneNumber, first.phoneNumber, 'for another service it is fresh');
  });

  it('that brought none may be sold again, also of the same tenant; while they wait they may not', async () => {
    const tenantId = newId();
    const first = await buy(tenantId);
    assert.notEqual((await buy(newId(), handing(first.phoneNumber))).phoneNumber, first.phoneNumber);
    await cancelVerification(h.ports)({ tenantId, id: first.id });
    assert.equal((await buy(newId(), handing(first.phoneNumber))).phoneNumber, first.phoneNumber);
  });

  it('granted to two purchases at once go to one of them', async () => {
    const phone = '+6281299999999';
    const views = await Promise.all([buy(newId(), handing(phone)), buy(newId(), handing(phone)), buy(newId(), handing(phone))]);
    assert.equal(views.filter(({ phoneNumber }) => phoneNumber === phone).length, 1);
    assert.equal(new Set(views.map(({ phoneNumber }) => phoneNumber)).size, 3);
  });

  it('that are all unfit are no numbers: bounded, the money is free again', async () => {
    const first = await buy();
    await deliver(first.id);
    const acquired = h.provider.calls.acquire;
    const phones = Array.from({ length: 9 }, () => first.phoneNumber);
    const tenantId = newId();
    await assert.rejects(buy(tenantId, handing(...phones)), refusedWith('verification.no_numbers'));
    assert.equal(h.provider.calls.acquire - acquired, 3);
    const [row] = await h.db.query<{ id: string; state: string }>('select id, state from verifications where tenant_id = $1', [tenantId]);
    assert.equal(row?.state, 'failed');
    assert.deepEqual(await h.events(row?.id ?? ''), ['failed']);
  });

  it('that the provider does not take back yet are asked about until it does', async () => {
    const first = await buy();
    await deliver(first.id);
    h.provider.earlyCancelMs = 2 * minuteMs;
    try {
      await buy(newId(), handing(first.phoneNumber));
      const [waiting] = await returns();
      const activation = waiting?.activation_id ?? assert.fail('nothing to return');
      const lost: unknown[] = [];
      const work = workReturns(h.ports, (due) => void lost.push(due));
      assert.equal(await work(), 0, 'not due yet');
      h.clock.advance(3 * minuteMs);
      assert.equal(await work(), 1);
      assert.equal(stateAtProvider(activation), 'cancelled');
      assert.deepEqual([await returns(), lost], [[], []]);
    } finally {
      h.provider.earlyCancelMs = 0;
    }
  });

  it('that nobody takes back until their end are reported as lost, once', async () => {
    const first = await buy();
    await deliver(first.id);
    h.provider.earlyCancelMs = dayMs;
    try {
      await buy(newId(), handing(first.phoneNumber));
      const lost: unknown[] = [];
      const work = workReturns(h.ports, (due) => void lost.push(due));
      h.clock.advance(hourMs);
      await work();
      await work();
      assert.equal(lost.length, 1);
      assert.deepEqual(await returns(), []);
    } finally {
      h.provider.earlyCancelMs = 0;
    }
  });

  it('banned by an operator are not sold, for one service or for all, until the ban ends or is lifted', async () => {
    const parts = { bans: bans(), catalogue: h.ports.catalogue, hashNumber, clock: h.clock };
    const ban = (phoneNumber: string, service: string, days = 1) =>
      banNumber(parts)(operator, { phoneNumber, service, days, reason: note });
    const [here, everywhere] = ['+6281211110001', '+6281211110002'];
    const one = await ban(here, 'telegram');
    await ban(everywhere, '*');
    for (const phone of [here, everywhere]) assert.notEqual((await buy(newId(), handing(phone))).phoneNumber, phone);
    const page = await listBans(parts)({ before: undefined, limit: 100 });
    assert.equal(page.bans.length, 2);
    assert.ok(!JSON.stringify(await h.db.query('select * from number_bans')).includes(here.slice(1)), 'numbers are hashed');
    await liftBan(parts)(operator, { id: one.id, reason: note });
    await assert.rejects(liftBan(parts)(operator, { id: one.id, reason: note }), refusedWith('request.not_found'));
    assert.equal((await buy(newId(), handing(here))).phoneNumber, here);
    h.clock.advance(dayMs);
    assert.equal((await buy(newId(), handing(everywhere))).phoneNumber, everywhere, 'the ban is over');
    await assert.rejects(ban('0301234', 'telegram'), onField('phoneNumber'));
    await assert.rejects(ban(here, 'no-such'), onField('service'));
    await assert.rejects(ban(here, 'telegram', 0), onField('days'));
    await assert.rejects(ban(here, 'telegram', 3_651), onField('days'));
  });

  it('reported as bad by two tenants are banned for the service; one tenant alone bans nothing', async () => {
    const phone = '+6281222220001';
    const weigh = weighReports({ bans: bans(), rules: testRules.bans, clock: h.clock });
    const report = async (tenantId: string) => {
      const view = await buy(tenantId, handing(phone));
      assert.equal(view.phoneNumber, phone);
      await h.db.query(
        `update verifications set state = 'cancelled', reason = 'reported_by_customer', ended_at = $2, due_at = null where id = $1`,
        [view.id, h.clock.now()],
      );
    };
    const angry = newId();
    for (let n = 0; n < 3; n++) await report(angry);
    assert.equal(await weigh(), 1);
    await report(newId());
    assert.equal(await weigh(), 1);
    assert.equal(await weigh(), 0, 'each report is weighed once');
    assert.notEqual((await buy(newId(), handing(phone))).phoneNumber, phone);
    const [ban] = (await listBans({ bans: bans(), clock: h.clock })({ before: undefined, limit: 1 })).bans;
    assert.deepEqual([ban?.origin, ban?.service, ban?.until], ['reports', 'telegram', addMs(h.clock.now(), testRules.bans.halfLifeMs)]);
    h.clock.advance(testRules.bans.halfLifeMs);
    assert.equal((await buy(newId(), handing(phone))).phoneNumber, phone, 'the ban has decayed');
  });

  describe('and messages that must not be seen', () => {
    const read = (tenantId: string, id: string) => getVerification(h.ports)({ tenantId, id });
    const withheld = async (tenantId: string) =>
      (await postgresDecisions(h.db).list({ tenantId, kind: 'message_withheld', before: undefined, limit: 10 })).map(
        ({ reason }) => reason,
      );

    it('a bank’s code is withheld and not charged; a code of the service still arrives', async () => {
      const tenantId = newId();
      const { id } = await buy(tenantId);
      for (let n = 0; n < 2; n++) await deliver(id, 'HSBC: use 778899 for Online Banking');
      const view = await read(tenantId, id);
      assert.deepEqual([view.status, view.code, view.messages], ['waiting', '', []]);
      assert.deepEqual(await h.events(id), ['purchased'], 'nothing that captures the money');
      assert.deepEqual(await withheld(tenantId), ['bank-brands'], 'written down once');
      await deliver(id, 'Telegram code 12345');
      const after = await read(tenantId, id);
      assert.deepEqual([after.status, after.code, after.messages.length], ['received', '12345', 1]);
    });

    it('a number that got nothing but such a message ends like one that got none', async () => {
      const tenantId = newId();
      const { id } = await buy(tenantId);
      const activation = await activationOf(id);
      h.provider.deliver(activation, 'PayPal: 123456 is your code', '123456');
      await h.pass(minuteMs);
      assert.equal((await read(tenantId, id)).status, 'waiting');
      await h.pass(19 * minuteMs);
      await h.pass(5 * minuteMs);
      assert.equal((await read(tenantId, id)).status, 'expired');
      assert.ok((await h.events(id)).includes('expired'));
      assert.deepEqual(await withheld(tenantId), ['payment-brands']);
    });
  });

  describe('and reports of abuse', () => {
    const parts = () => ({ reports: postgresAbuseReports(h.db), sealer: h.ports.sealer, hashNumber, clock: h.clock });
    const description = 'This number sent me a false parcel notice.';
    const report = (phoneNumber: string, over = {}) =>
      reportAbuse(parts())({ phoneNumber, category: 'fraud', description, contact: 'me@example.com', happenedAt: undefined, ...over });
    const decide = (id: string, decision: string, verificationId = '', actor = operator) =>
      decideAbuseReport(parts())(actor, { id, decision, verificationId, note });
    const read = (tenantId: string, id: string) => getVerification(h.ports)({ tenantId, id });

    it('freeze an activation: its code is hidden, later messages are withheld; dismissed, it thaws', async () => {
      const tenantId = newId();
      const view = await buy(tenantId);
      await deliver(view.id);
      const id = await report(view.phoneNumber);
      assert.equal(await report(view.phoneNumber), id, 'the same report is one');
      const [seen] = (await listAbuseReports(parts())({ status: 'open', before: undefined, limit: 1 })).reports;
      assert.deepEqual([seen?.id, seen?.phoneNumber, seen?.description], [id, view.phoneNumber, description]);
      assert.deepEqual(
        seen?.leases.map(({ verificationId }) => verificationId),
        [view.id],
      );
      await assert.rejects(decide(id, 'freeze'), onField('verificationId'));
      await assert.rejects(decide(id, 'freeze', newId()), onField('verificationId'));
      await decide(id, 'freeze', view.id);
      const frozen = await read(tenantId, view.id);
      assert.deepEqual([frozen.code, frozen.messages, frozen.reason], ['', [], 'frozen']);
      assert.equal((await decide(id, 'freeze', view.id)).status, 'frozen', 'repeatable');
      await decide(id, 'dismiss');
      const thawed = await read(tenantId, view.id);
      assert.deepEqual([thawed.code, thawed.messages.length, thawed.reason], ['12345', 1, '']);
      await assert.rejects(decide(id, 'uphold', '', 'user:other'), refusedWith('verification.report_decided'));
      const rows = await h.db.query('select * from abuse_reports');
      assert.ok(!JSON.stringify(rows).includes('parcel') && !JSON.stringify(rows).includes(view.phoneNumber.slice(1)), 'sealed at rest');
    });

    it('freeze an activation on every way to read it: list, search, export, messages, stream, history, bulk, a repeated request', async () => {
      const request = h.request({ tenantId: newId(), idempotencyKey: newId() });
      const { tenantId } = request;
      const view = await createVerification(h.ports)(request);
      await deliver(view.id, 'Your secret code is 665544');
      const filter = { statuses: [], service: undefined, country: undefined };
      const exported: unknown[] = [];
      const ways: Readonly<Record<string, () => Promise<unknown>>> = {
        get: () => read(tenantId, view.id),
        list: () => listVerifications(h.ports)({ ...filter, tenantId, before: undefined, limit: 10 }),
        export: async () => {
          exported.length = 0;
          for await (const rows of exportVerifications(h.ports)(tenantId, filter)) exported.push(...rows);
          return exported;
        },
        messages: () => listMessages(h.ports)({ tenantId, id: view.id }),
        // The stream, webhooks and the browser's feed read here.
        live: () => getVerifications({ reader: snapshotReader(h.db), ...h.ports })({ tenantId, ids: [view.id] }),
        changes: () => listChanges(h.ports)({ tenantId, id: view.id }),
        'the same request again': () => createVerification(h.ports)(request),
        bulk: async () => {
          const verification = (await h.ports.store.find(tenantId, view.id)) ?? assert.fail();
          return itemView(h.ports.sealer, 'USD', { item: itemOfTest(verification), verification });
        },
      };
      const readAll = async () => {
        const shown = new Map<string, string>();
        for (const [way, ask] of Object.entries(ways)) shown.set(way, inspect(await ask(), { depth: 9 }));
        return shown;
      };
      const open = await readAll();
      assert.deepEqual(
        [...open]
          .filter(([, text]) => text.includes('665544'))
          .map(([way]) => way)
          .toSorted(),
        ['bulk', 'export', 'get', 'list', 'live', 'messages', 'the same request again'],
        'the ways do show it otherwise',
      );
      const id = await report(view.phoneNumber);
      await decide(id, 'freeze', view.id);
      for (const [way, text] of await readAll()) assert.ok(!text.includes('665544') && !text.includes('secret'), way);
      await decide(id, 'dismiss');
      assert.deepEqual(
        [...(await readAll())].filter(([way, text]) => text.includes('665544') !== open.get(way)?.includes('665544')),
        [],
      );
    });

    it('freeze a number that waits: its code never arrives, is not charged, and its money goes back at the end', async () => {
      const tenantId = newId();
      const view = await buy(tenantId);
      const id = await report(view.phoneNumber);
      await decide(id, 'uphold', view.id);
      await deliver(view.id);
      const frozen = await read(tenantId, view.id);
      assert.deepEqual([frozen.status, frozen.code, frozen.messages], ['waiting', '', []]);
      await h.pass(20 * minuteMs);
      await h.pass(5 * minuteMs);
      assert.deepEqual(await h.events(view.id), ['purchased', 'expired']);
    });

    it('two operators decide at once: one is first', async () => {
      const view = await buy();
      const id = await report(view.phoneNumber);
      const answers = await Promise.allSettled([decide(id, 'uphold', view.id, 'user:a'), decide(id, 'dismiss', '', 'user:b')]);
      assert.equal(answers.filter(({ status }) => status === 'fulfilled').length, 1);
      for (const answer of answers) if (answer.status === 'rejected') refusedWith('verification.report_decided')(answer.reason);
    });

    it('of the same thing at once are one; of a number that is not ours they are answered alike', async () => {
      const ids = await Promise.all(Array.from({ length: 5 }, () => report('+4915112345678')));
      assert.equal(new Set(ids).size, 1);
    });

    it('must be readable', async () => {
      await assert.rejects(report('030 1234'), onField('phoneNumber'));
      await assert.rejects(report('+4915112345678', { category: 'x' }), onField('category'));
      await assert.rejects(report('+4915112345678', { description: 'x'.repeat(19) }), onField('description'));
      await assert.rejects(report('+4915112345678', { description: 'x'.repeat(4_001) }), onField('description'));
      await assert.rejects(report('+4915112345678', { contact: 'x'.repeat(255) }), onField('contact'));
      await assert.rejects(report('+4915112345678', { happenedAt: addMs(h.clock.now(), 1) }), onField('happenedAt'));
      await assert.rejects(decide(newId(), 'uphold'), refusedWith('request.not_found'));
      await assert.rejects(decide('x', 'uphold'), refusedWith('request.not_found'));
      await assert.rejects(decide(newId(), 'nonsense'), onField('decision'));
    });
  });
});
