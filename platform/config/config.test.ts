import assert from 'node:assert/strict';
import test from 'node:test';
import { inspect } from 'node:util';
import {
  addressVar,
  booleanVar,
  choiceVar,
  ConfigError,
  type ConfigOf,
  databaseConfig,
  defineConfig,
  durationVar,
  grpcConfig,
  grpcTlsConfig,
  integerVar,
  isDevelopmentSecret,
  numberVar,
  portVar,
  processConfig,
  secretVar,
  textVar,
  urlVar,
} from './index.ts';

const strong = 'k7Qm2xV9tR4wZ8bN1cJ6hF3dS5gL0pYa';

const schema = defineConfig({
  port: portVar('PORT', { default: 0, description: 'where it listens' }),
  url: urlVar('DATABASE_URL', { secret: true }),
  plan: choiceVar('PLAN', ['a', 'b'], { default: 'a' }),
  retries: integerVar('RETRIES', { min: 0, max: 10, default: 3 }),
  ratio: numberVar('RATIO', { min: 0, max: 1, default: 1 }),
  tracing: booleanVar('TRACING', { default: false }),
  name: textVar('NAME', { minLength: 2 }),
  key: secretVar('KEY', { minLength: 32 }),
  windowMs: durationVar('WINDOW_MS', { default: 1_000 }),
  peer: addressVar('PEER', { optional: true }),
});
const good = { DATABASE_URL: 'postgres://app:pa55@db/app', NAME: 'ada', KEY: strong };

const problemsOf = (environment: Record<string, string | undefined>): Record<string, string> => {
  try {
    schema.parse(environment);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return Object.fromEntries(error.problems.map(({ key, reason }) => [key, reason]));
  }
  return {};
};

test('values are typed; defaults fill in; empty counts as absent', () => {
  const config: ConfigOf<typeof schema> = schema.parse({
    ...good,
    RETRIES: '7',
    TRACING: 'true',
    RATIO: '0.25',
    PEER: '[::1]:80',
    PLAN: '',
  });
  const { port, plan, retries, ratio, tracing, windowMs, peer } = config;
  assert.deepEqual(
    { port, plan, retries, ratio, tracing, windowMs, peer },
    { port: 0, plan: 'a', retries: 7, ratio: 0.25, tracing: true, windowMs: 1_000, peer: '[::1]:80' },
  );
  assert.equal(schema.parse(good).peer, undefined);
});

test('one error lists every wrong key, and no secret', () => {
  const problems = problemsOf({
    PORT: '70000',
    DATABASE_URL: 'no url hunter2',
    PLAN: 'c',
    RETRIES: '3.5',
    RATIO: '2',
    TRACING: 'yes',
    KEY: 'hunter2',
    WINDOW_MS: '-1',
    PEER: 'host',
  });
  assert.deepEqual(Object.keys(problems).toSorted(), [
    'DATABASE_URL',
    'KEY',
    'NAME',
    'PEER',
    'PLAN',
    'PORT',
    'RATIO',
    'RETRIES',
    'TRACING',
    'WINDOW_MS',
  ]);
  assert.match(problems['NAME'] ?? '', /is missing/);
  assert.match(problems['PLAN'] ?? '', /one of a, b, got "c"/);
  assert.doesNotMatch(JSON.stringify(problems), /hunter2/);
});

test('numbers that JavaScript would wave through are refused', () => {
  for (const text of ['', ' ', '0x10', '1e3', 'Infinity', 'NaN', '1_000', ' 5', '5 ', '--5', '9'.repeat(20)]) {
    const expected = text === '' ? undefined : /must be/;
    const reason = problemsOf({ ...good, RETRIES: text })['RETRIES'];
    if (expected === undefined) assert.equal(reason, undefined);
    else assert.match(reason ?? 'accepted', expected, JSON.stringify(text));
  }
  for (const text of ['host', 'host:', ':80', 'host:0', 'host:65536', 'a b:80', 'http://host:80'])
    assert.ok(problemsOf({ ...good, PEER: text })['PEER'], text);
});

test('a configuration shows no secret when it is inspected, serialised or logged', () => {
  const config = schema.parse(good);
  assert.equal(config.key, strong);
  for (const text of [inspect(config), JSON.stringify(config), inspect({ nested: config })]) {
    assert.doesNotMatch(text, new RegExp(`${strong}|pa55`));
    assert.match(text, /ada/);
  }
  assert.throws(() => Object.assign(config, { name: 'other' }), TypeError);
});

test('development values of secrets are refused in production, and only there', () => {
  const weak = [
    'development-key-of-more-than-32-characters',
    Buffer.from('namaskah-development-key-0123456').toString('base64'),
    'a'.repeat(40),
    'CHANGEME-CHANGEME-CHANGEME-CHANGEME',
  ];
  for (const key of weak) {
    assert.match(problemsOf({ ...good, KEY: key, ENVIRONMENT: 'production' })['KEY'] ?? 'accepted', /development value/, key);
    assert.deepEqual(problemsOf({ ...good, KEY: key, ENVIRONMENT: 'development' }), {});
  }
  assert.deepEqual(problemsOf({ ...good, ENVIRONMENT: 'production' }), {});
  assert.ok(isDevelopmentSecret('postgres://billing:billing@localhost/billing'));
  assert.ok(!isDevelopmentSecret('postgres://billing:k7Qm2xV9tR4w@db/billing'));
  assert.ok(!isDevelopmentSecret('nats://nats:4222'));
});

test('a default that its own parser refuses fails where it is written', () => {
  assert.throws(() => integerVar('RETRIES', { max: 3, default: 5 }), /default of RETRIES/);
  assert.throws(() => textVar('lower'), /not an environment key/);
});

test('the ready-made fragments parse what the local runner sets, and describe themselves', () => {
  const all = defineConfig({ ...processConfig, ...grpcConfig, ...grpcTlsConfig, ...databaseConfig });
  const config = all.parse({ NATS_URL: 'nats://127.0.0.1:4222', PRINCIPAL_KEY: strong, DATABASE_URL: 'postgresql://a:b@127.0.0.1:5432/a' });
  assert.equal(config.environment, 'development');
  assert.equal(config.shutdownTimeoutMs, 20_000);
  assert.equal(config.grpcTlsCa, undefined);
  const rows = all.describe();
  assert.deepEqual(
    rows.filter((row) => row.required).map((row) => row.key),
    ['NATS_URL', 'PRINCIPAL_KEY', 'DATABASE_URL'],
  );
  assert.equal(rows.find((row) => row.key === 'SHUTDOWN_TIMEOUT_MS')?.default, '20000');
  assert.equal(new Set(rows.map((row) => row.key)).size, rows.length);
});
