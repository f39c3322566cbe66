/** docs/webhooks.md is a contract: its code works, its examples are those of the catalogue, its figures those of the code. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { before, it } from 'node:test';
import { hourMs, minuteMs, secondMs } from '#platform/time/index.ts';
import { signatureHeaders } from './adapters/webhook-http/signature.ts';
import { maxTries, retryAt } from './domain/webhooks/delivery.ts';
import { eventTypes } from './domain/webhooks/event-types.ts';

let guide = '';
before(async () => {
  guide = await readFile(new URL('../../docs/webhooks.md', import.meta.url), 'utf8');
});

it('its code accepts what we sign, during a rotation too, and nothing else', async () => {
  const source = /```ts\n([\s\S]*?)```/.exec(guide)?.[1] ?? assert.fail('no code');
  const module: unknown = await import(`data:text/javascript,${encodeURIComponent(stripTypeScriptTypes(source))}`);
  const { isFromNamaskah } = module as { isFromNamaskah(body: string, headers: Record<string, string>, secret: string): boolean };
  const [newer, older, foreign] = Array.from({ length: 3 }, () => `whsec_${randomBytes(32).toString('base64')}`) as [
    string,
    string,
    string,
  ];
  const body = '{"a":"ä"}';
  const headersAt = (at: Date) => ({ ...signatureHeaders({ url: '', id: 'wdl_1', at, body, secrets: [newer, older] }) });
  const headers = headersAt(new Date());
  for (const secret of [newer, older]) assert.equal(isFromNamaskah(body, headers, secret), true);
  assert.equal(isFromNamaskah(body, headers, foreign), false);
  assert.equal(isFromNamaskah(`${body} `, headers, newer), false);
  assert.equal(isFromNamaskah(body, { ...headers, 'webhook-id': 'wdl_2' }, newer), false);
  assert.equal(isFromNamaskah(body, headersAt(new Date(Date.now() - 400_000)), newer), false);
  assert.equal(isFromNamaskah(body, {}, newer), false);
});

it('it describes every type with its example', () => {
  const described = [...guide.matchAll(/^### (\S+)\n(.+)\n\n```json\n([\s\S]*?)```/gm)].map(([, type, description, json]) => ({
    ...{ type, description },
    example: JSON.parse(json ?? '') as unknown,
  }));
  assert.deepEqual(
    described,
    eventTypes.map(({ type, description, example }) => ({ type, description, example })),
  );
});

it('it tells the pauses that are made', () => {
  const units: Readonly<Record<string, number>> = { s: secondMs, min: minuteMs, h: hourMs };
  const sentence = /comes after (.*?), each/s.exec(guide)?.[1] ?? assert.fail('no pauses');
  const told = [...sentence.matchAll(/(\d+) (s|min|h)/g)].map(([, count, unit = '']) => Number(count) * (units[unit] ?? 0));
  const made = Array.from({ length: maxTries - 1 }, (_, index) => retryAt(new Date(0), index + 1, 0)?.getTime());
  assert.deepEqual(told, made);
});
