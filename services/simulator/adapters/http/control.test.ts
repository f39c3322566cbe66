import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { eventually } from '#platform/testing/index.ts';
import { testClock } from '#platform/time/index.ts';
import { defaultSettings, type Settings } from '../../domain/settings.ts';
import { startSimulator, type TestSimulator } from '../../testing/start-simulator.ts';
import { settingsPatchSchema, type SettingsPatch } from './settings-schema.ts';

const patch = (simulator: TestSimulator, body: unknown): Promise<Response> =>
  fetch(`${simulator.url}/control/settings`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

type DeepPartial<T> = T extends readonly unknown[] ? T : T extends object ? { [Key in keyof T]?: DeepPartial<T[Key]> | undefined } : T;
/** The schema and the settings are two texts of one thing: this does not compile when they differ in type. */
const sameShape = (value: SettingsPatch): DeepPartial<Settings> => value as DeepPartial<Settings> satisfies DeepPartial<SettingsPatch>;

test('every setting has a schema, a default that passes it, and a line in the README', async (t) => {
  const simulator = await startSimulator(t);
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const defaults = defaultSettings();
  assert.deepEqual(await simulator.get('/control/settings'), defaults);
  assert.equal((await patch(simulator, sameShape(defaults as unknown as SettingsPatch))).status, 200);
  for (const [section, keys] of Object.entries(defaults)) {
    const schema = settingsPatchSchema.properties[section as keyof Settings] as unknown as { properties: Record<string, unknown> };
    assert.deepEqual(Object.keys(schema.properties).toSorted(), Object.keys(keys as object).toSorted(), section);
    for (const key of Object.keys(keys as object))
      assert.ok(readme.includes(`\`${section}.${key}\``), `README does not explain ${section}.${key}`);
  }
});

test('PATCH merges; null restores a default or takes an entry out; lists are replaced', async (t) => {
  const simulator = await startSimulator(t);
  await simulator.settings({
    handlerApi: { cost: '0.30', costs: { tg: '1.00', wa: '2.00' }, nextFaults: ['no_numbers', 'timeout'] },
    smpp: { responseDelayMs: 5 },
  });
  await simulator.settings({ handlerApi: { cost: null, costs: { tg: null, fb: '3.00' }, nextFaults: ['reset'] } });
  const { handlerApi, smpp } = await simulator.get<Settings>('/control/settings');
  assert.deepEqual(
    [handlerApi.cost, handlerApi.costs, handlerApi.nextFaults, smpp.responseDelayMs],
    ['0.20', { wa: '2.00', fb: '3.00' }, ['reset'], 5],
  );
  await simulator.settings({ handlerApi: null, smpp: null });
  assert.deepEqual(await simulator.get('/control/settings'), defaultSettings());
});

test('unknown keys and wrong values are refused by name, and nothing is changed', async (t) => {
  const simulator = await startSimulator(t);
  const rows: readonly (readonly [unknown, string])[] = [
    [{ nonsense: 1 }, 'nonsense'],
    [{ nonsense: null }, 'nonsense'],
    [{ handlerApi: { costt: '1' } }, 'handlerApi.costt'],
    [{ handlerApi: { costt: null } }, 'handlerApi.costt'],
    [{ handlerApi: { noCodeRatio: 1.1 } }, 'handlerApi.noCodeRatio'],
    [{ handlerApi: { cost: 0.2 } }, 'handlerApi.cost'],
    [{ handlerApi: { nextFaults: ['explode'] } }, 'handlerApi.nextFaults.0'],
    [{ handlerApi: { costs: { 'Telegram!': '1' } } }, 'handlerApi.costs.Telegram!'],
    [{ handlerApi: { faultRatios: { explode: 1 } } }, 'handlerApi.faultRatios.explode'],
    [{ smpp: { outage: 'sometimes' } }, 'smpp.outage'],
    [{ smpp: { destinations: { '44': 'nowhere' } } }, 'smpp.destinations.44'],
    [{ payments: 7 }, 'payments'],
    [[], 'body'],
    ['x', 'body'],
  ];
  for (const [body, field] of rows) {
    const response = await patch(simulator, body);
    const problem = (await response.json()) as { code: string; errors: { field: string; reason: string }[] };
    assert.deepEqual(
      [response.status, problem.code, problem.errors.map((error) => error.field)],
      [422, 'request.invalid', [field]],
      JSON.stringify(body),
    );
  }
  assert.equal((await patch(simulator, { handlerApi: { cost: '9.99', costt: 1 } })).status, 422);
  assert.equal(
    (
      await fetch(`${simulator.url}/control/settings`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: '{"__proto__": {"polluted": 1}}',
      })
    ).status,
    422,
  );
  assert.equal(({} as { polluted?: number }).polluted, undefined);
  assert.deepEqual(await simulator.get('/control/settings'), defaultSettings());
});

test('a reset forgets everything and gives no id twice', async (t) => {
  const simulator = await startSimulator(t);
  const bought = async (): Promise<string> => (await simulator.api('getNumber', { service: 'tg', country: '6' })).text;
  const before = await bought();
  await simulator.post('/mailbox/messages', { idempotencyKey: 'k', to: 'a@b.c', subject: 's', text: 't' });
  await simulator.settings({ handlerApi: { outage: 'off', cost: '0.77' } });
  assert.equal((await simulator.post('/control/reset', { sure: true })).status, 422);
  assert.equal((await simulator.post('/control/reset', {})).status, 200);
  assert.deepEqual(await simulator.get('/control/settings'), defaultSettings());
  assert.deepEqual(await simulator.get('/control/activations'), { data: [] });
  assert.deepEqual(await simulator.get('/mailbox/messages'), { data: [] });
  assert.equal((await simulator.get<{ planned: number }>('/control/statistics')).planned, 0);
  const after = await bought();
  assert.notEqual(after.split(':')[1], before.split(':')[1]);
  assert.equal(after.split(':')[2], before.split(':')[2], 'the seed starts again, so the first number is the same');
  const empty = await fetch(`${simulator.url}/control/reset`, { method: 'POST' });
  assert.equal(empty.status, 200);
});

test('codes by hand: made up, given, late; unknown activations and wrong bodies are refused', async (t) => {
  const simulator = await startSimulator(t);
  await simulator.settings({ handlerApi: { noCodeRatio: 1 } });
  const id = (await simulator.api('getNumber', { service: 'tg', country: '6' })).text.split(':')[1] ?? '';
  const deliver = async (body: object): Promise<{ code: string; text: string; late: boolean }> =>
    (await (await simulator.post(`/control/activations/${id}/code`, body)).json()) as { code: string; text: string; late: boolean };
  assert.match((await deliver({})).code, /^\d{5}$/);
  assert.deepEqual((await deliver({ text: 'Use 482-913 now' })).code, '482-913');
  const given = await deliver({ code: '777777' });
  assert.ok(given.text.includes('777777'));
  assert.equal((await simulator.api('getStatus', { id })).text, 'STATUS_OK:777777');
  await simulator.api('setStatus', { id, status: '6' });
  assert.equal((await deliver({ code: '1' })).late, true);
  assert.equal((await simulator.api('getStatus', { id })).text, 'STATUS_OK:777777');
  assert.equal((await simulator.post('/control/activations/none/code', {})).status, 404);
  assert.equal((await simulator.post(`/control/activations/${id}/code`, { kode: '1' })).status, 422);
  assert.equal((await simulator.post('/control/inbound', { from: 'x', to: '1', text: '' })).status, 422);
  assert.equal((await fetch(`${simulator.url}/nowhere`)).status, 404);
});

test('codes at a rate: each in its turn; an unknown activation is named and nothing is planned', async (t) => {
  const clock = testClock();
  const simulator = await startSimulator(t, { clock });
  await simulator.settings({ handlerApi: { noCodeRatio: 1 } });
  const buy = async (): Promise<string> => (await simulator.api('getNumber', { service: 'tg', country: '6' })).text.split(':')[1] ?? '';
  const ids = [await buy(), await buy(), await buy()];
  const delivered = async (): Promise<number> => (await simulator.get<{ codes: number }>('/control/statistics')).codes;
  const refused = await simulator.post('/control/codes', { activationIds: [ids[0], 'none'], perSecond: 2 });
  assert.equal(refused.status, 422);
  assert.match(await refused.text(), /activationIds\.1/);
  assert.equal((await simulator.post('/control/codes', { activationIds: [], perSecond: 2 })).status, 422);
  assert.equal((await simulator.post('/control/codes', { activationIds: ids, perSecond: 0 })).status, 422);
  const planned = await simulator.post('/control/codes', { activationIds: ids, perSecond: 2 });
  assert.deepEqual([planned.status, await planned.json()], [202, { planned: 3 }]);
  await eventually(async () => assert.equal(await delivered(), 1));
  clock.advance(500);
  await eventually(async () => assert.equal(await delivered(), 2));
  assert.match((await simulator.api('getStatus', { id: ids[1] ?? '' })).text, /^STATUS_OK:/);
  assert.equal((await simulator.api('getStatus', { id: ids[2] ?? '' })).text, 'STATUS_WAIT_CODE');
  clock.advance(500);
  await eventually(async () => assert.equal(await delivered(), 3));
});
