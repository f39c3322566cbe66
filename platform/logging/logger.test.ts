import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { appError } from '#platform/errors/index.ts';
import { installPropagation, withSpan } from '#platform/telemetry/index.ts';
import { createLogger, type Logger, maskEmail, maskPhone, redactText } from './index.ts';

const collecting = (): { logger: Logger; text: () => string; last: () => Record<string, unknown> } => {
  const lines: string[] = [];
  const logger = createLogger({ service: 'billing', level: 'debug', destination: { write: (line: string) => void lines.push(line) } });
  return { logger, text: () => lines.join(''), last: () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown> };
};
const secret = 'hunter2-s3cret';
const phone = '+447700900123';

test('a line has time, level, service and message', () => {
  const { logger, last } = collecting();
  logger.warn({ holdId: 'h1', count: 3, amount: 5n, ok: true }, 'a hold %s', 'expired');
  const { time, ...line } = last();
  assert.deepEqual(line, { level: 'warn', service: 'billing', holdId: 'h1', count: 3, amount: '5', ok: true, msg: 'a hold expired' });
  assert.match(String(time), /^\d{4}-\d\d-\d\dT/);
});

test('what is secret is redacted at any depth, in lists, in children and under any spelling', () => {
  const { logger, text } = collecting();
  const keys = [
    'password',
    'newPassword',
    'token',
    'access_token',
    'refreshToken',
    'key',
    'apiKey',
    'api_key',
    'code',
    'otp',
    'Authorization',
    'set-cookie',
    'secret',
    'webhook_secret',
    'text',
    'body',
    'parameters',
    'privateKey',
  ];
  for (const key of keys) {
    logger.info({ [key]: secret });
    logger.info({ request: { headers: { deep: [{ [key]: secret }, { [key]: [secret] }, { [key]: { nested: secret } }] } } });
    logger.child({ [key]: secret, nested: { [key]: secret } }).info('from a child');
  }
  assert.doesNotMatch(text(), new RegExp(secret));
  assert.equal(text().trim().split('\n').length, keys.length * 3);
});

test('property: no value under a secret key is printed, whatever is around it', () => {
  const marker = 'MARKER-7f3a';
  const leaf = fc.constantFrom(marker, 1, true, null, 'plain');
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 6 },
      leaf,
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'phone', 'items'), tie('tree'), { maxKeys: 3 }),
    ),
  }));
  fc.assert(
    fc.property(tree, fc.constantFrom('password', 'token', 'code', 'secret', 'text'), (value, key) => {
      const { logger, text } = collecting();
      logger.info({ outer: { list: [{ [key]: value }] } });
      assert.doesNotMatch(text(), /MARKER/);
    }),
  );
});

test('phone numbers and addresses are masked under their keys and inside texts', () => {
  const { logger, text } = collecting();
  logger.info({
    phone,
    contact: { phoneNumber: '447700900123', msisdn: phone, to: phone, from: '447700900123', contactPhone: phone },
    list: [phone],
    numbers: { to: [phone] },
  });
  logger.info({ note: `sent to ${phone} and ada.lovelace@example.com` }, `message to ${phone}`);
  logger.info(`to ${phone}`);
  logger.info('to %s', phone);
  logger.error(new Error(`duplicate key (phone)=(${phone})`));
  logger.error({ err: new Error('outer', { cause: new Error(`inner ${phone}`) }) });
  logger.error({ err: new AggregateError([new Error(`part ${phone}`)], 'all') });
  assert.doesNotMatch(text(), /7700900|lovelace/);
  assert.match(text(), /\+4477\*{5}123/);
  assert.match(text(), /a\*\*\*@example\.com/);
});

test('errors keep type, message, stack, code and causes; what drivers hang on them is dropped', () => {
  const { logger, last, text } = collecting();
  const driver = Object.assign(new Error('duplicate key value'), {
    code: '23505',
    detail: `Key (token)=(${secret})`,
    parameters: [secret],
    query: 'insert',
  });
  logger.error({ err: new Error('could not save', { cause: driver }) }, 'failed');
  const err = last()['err'] as { type: string; message: string; stack: string; cause: { errorCode: string; message: string } };
  assert.equal(err.message, 'could not save');
  assert.match(err.stack, /logger\.test/);
  assert.equal(err.cause.errorCode, '23505');
  assert.doesNotMatch(text(), new RegExp(secret));
  logger.warn({ code: 'billing.insufficient_credit', err: appError('billing.insufficient_credit') });
  assert.equal(last()['code'], 'billing.insufficient_credit', 'a code of the catalogue is no secret');
  logger.error(new Error('alone'));
  assert.equal(last()['msg'], 'alone');
});

test('credentials in URLs and bearer values in texts are redacted', () => {
  for (const text of [`postgres://app:${secret}@db/app refused`, `Authorization: Bearer ${secret}`, `nats://user:${secret}@nats:4222`])
    assert.doesNotMatch(redactText(text), new RegExp(secret));
  assert.equal(redactText('1 + 1 = 2, at 10:30'), '1 + 1 = 2, at 10:30');
});

test('the record that is logged is not changed', () => {
  const { logger } = collecting();
  const record = { request: { password: secret, to: [phone] } };
  logger.info(record);
  assert.deepEqual(record, { request: { password: secret, to: [phone] } });
});

test('a cycle or a very deep record neither throws nor floods', () => {
  const { logger, text } = collecting();
  const cycle: Record<string, unknown> = { name: 'cycle' };
  cycle['self'] = cycle;
  logger.info(cycle);
  logger.info({ many: Array.from({ length: 10_000 }, (_, index) => index) });
  assert.ok(text().length < 5_000, `${text().length} characters`);
});

test('lines inside a span carry its ids', async () => {
  installPropagation();
  const { logger, last } = collecting();
  await withSpan('work', {}, (span) => {
    logger.info('inside');
    assert.equal(last()['trace_id'], span.spanContext().traceId);
    assert.equal(last()['span_id'], span.spanContext().spanId);
  });
  logger.info('outside');
  assert.ok(!('trace_id' in last()));
});

test('masks', () => {
  assert.equal(maskPhone('+447700900123'), '+4477*****123');
  assert.equal(maskPhone('447700900123'), '4477*****123');
  assert.equal(maskPhone('+1 (202) 555-0143'), '+1202****143');
  assert.equal(maskPhone('12345'), '*****');
  assert.equal(maskPhone(''), '');
  assert.equal(maskEmail('ada.lovelace@example.com'), 'a***@example.com');
  assert.equal(maskEmail('nonsense'), '***');
  fc.assert(fc.property(fc.stringMatching(/^\+[1-9]\d{7,14}$/), (number) => maskPhone(number).replace(/\D/g, '').length <= 7));
});
